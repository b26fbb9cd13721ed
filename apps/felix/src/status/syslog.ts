import { constants } from 'node:os';
import { loadNative } from '@calico-node/netlink';
import { copyLog, type Logger, type LogLevel } from '@calico-node/service';
import type { LogLosses } from '../log-metrics.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;

/** The facility `user`, and severities (RFC 5424 6.2.1). */
const FACILITY = 1 << 3;
const severities: Readonly<Record<LogLevel, number>> = { trace: 7, debug: 7, info: 6, warn: 4, error: 3, fatal: 2 };

export interface SyslogOptions {
  /** Nothing is lost while the daemon is busy: everything waits for it instead (DebugDisableLogDropping). */
  readonly waits: boolean;
  readonly losses: LogLosses;
  /** The daemon's socket. */
  readonly path?: string;
}

/** Sends lines to the host's own syslog daemon. */
class Syslog implements Disposable {
  readonly #native = loadNative();
  readonly #path: string;
  readonly #flags: number;
  readonly #losses: LogLosses;
  #fd: number | undefined;

  constructor({ waits, losses, path = '/dev/log' }: SyslogOptions) {
    this.#path = path;
    this.#flags = waits ? 0 : MSG_DONTWAIT;
    this.#losses = losses;
  }

  send(level: LogLevel, text: string): void {
    this.#fd ??= this.#connect();
    if (this.#fd === undefined) {
      this.#losses.failed();
      return;
    }
    const message = `<${FACILITY | severities[level]}>calico-felix[${process.pid}]: ${text}`;
    const sent = this.#native.send(this.#fd, Buffer.from(message), this.#flags);
    if (sent >= 0) return;
    if (sent === -constants.errno.EAGAIN) {
      this.#losses.dropped();
      return;
    }
    this.#losses.failed();
    // A daemon that was started again has another socket.
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) this.#native.close(this.#fd);
    this.#fd = undefined;
  }

  #connect(): number | undefined {
    const fd = this.#native.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return undefined;
    // struct sockaddr_un
    if (this.#native.connect(fd, Uint8Array.from([AF_UNIX, 0, ...Buffer.from(this.#path), 0])) >= 0) return fd;
    this.#native.close(fd);
    return undefined;
  }
}

/** Copies the log of a level and above to the host's syslog daemon, until disposed of. */
export function logToSyslog(log: Logger, level: LogLevel | undefined, options: SyslogOptions): Disposable {
  if (level === undefined) return { [Symbol.dispose]: () => undefined };
  const syslog = new Syslog(options);
  const copy = copyLog(log, level, (line, lineLevel) => {
    syslog.send(lineLevel, line.trimEnd());
  });
  return {
    [Symbol.dispose]: () => {
      copy[Symbol.dispose]();
      syslog[Symbol.dispose]();
    },
  };
}

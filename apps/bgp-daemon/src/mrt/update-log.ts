import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  encodeMrtMessage,
  encodeMrtStateChange,
  familyOfUpdate,
  type BmpPeerUp,
  type DownReason,
  type MrtSession,
  type Session,
} from '@calico-node/bgp';
import type { Family } from '@calico-node/net';
import type { Logger } from '@calico-node/service';
import { isDeepStrictEqual } from 'node:util';
import type { MrtLogConfig, NeighborConfig } from '../config/daemon-config.ts';
import type { SessionObserver } from '../session/observer.ts';

interface Logged {
  readonly ends: MrtSession;
  readonly as4: boolean;
  /** The families whose prefixes come with path identifiers. */
  readonly addPath: readonly Family[];
}

/** Records are written together, at latest after this long, or when there are this many bytes of them. */
const flushMs = 1000;
const flushBytes = 1 << 18;

const nowSeconds = (): number => Math.floor(Date.now() / 1000);

/**
 * Writes the UPDATEs of all neighbours, and when their sessions come and go, to a file as MRT (RFC 6396 4.4). When the
 * file has grown enough it becomes FILE.1, FILE.1 becomes FILE.2, and so on.
 */
export class MrtUpdateLog implements SessionObserver {
  readonly #log: Logger;
  readonly #sessions = new Map<string, Logged>();
  #config: MrtLogConfig | undefined;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #hasFailed = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Writes to another file from here on, or to none. */
  sync(config: MrtLogConfig | undefined): void {
    if (isDeepStrictEqual(config, this.#config)) return;
    this.#flush();
    this.#config = config;
    this.#hasFailed = false;
  }

  established({ name, address, remoteAs, localAs }: NeighborConfig, session: Session, up: BmpPeerUp): void {
    const ends = { peerAs: remoteAs, localAs, peerAddress: address, localAddress: up.localAddress };
    this.#sessions.set(name, { ends, as4: session.as4, addPath: session.addPathReceive });
    this.#write(() => encodeMrtStateChange(ends, 'OpenConfirm', 'Established', nowSeconds()));
  }

  down({ name }: NeighborConfig, _reason: DownReason): void {
    const logged = this.#sessions.get(name);
    this.#sessions.delete(name);
    if (logged !== undefined) this.#write(() => encodeMrtStateChange(logged.ends, 'Established', 'Idle', nowSeconds()));
  }

  readonly wantsOutcomes = false;

  outcome(): void {
    // What came is what is logged.
  }

  endOfRib(): void {
    // Logged as it came.
  }

  get wantsUpdates(): boolean {
    return this.#config !== undefined;
  }

  update({ name }: NeighborConfig, message: Uint8Array): void {
    const logged = this.#sessions.get(name);
    if (logged === undefined) return;
    const { ends, as4, addPath } = logged;
    this.#write(() => {
      const form = { as4, addPath: addPath.length > 0 && addPath.includes(familyOfUpdate(message)) };
      return encodeMrtMessage(ends, form, message, nowSeconds());
    });
  }

  /** Writes what waits. */
  close(): void {
    this.sync(undefined);
  }

  #write(encode: () => Uint8Array): void {
    if (this.#config === undefined) return;
    const record = encode();
    this.#waiting.push(record);
    this.#waitingBytes += record.length;
    if (this.#waitingBytes >= flushBytes) this.#flush();
    else
      this.#timer ??= setTimeout(() => {
        this.#flush();
      }, flushMs).unref();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#config === undefined || this.#waiting.length === 0) return;
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    try {
      append(this.#config, bytes);
      this.#hasFailed = false;
    } catch (error) {
      // A full disk ends no session: the records are lost, and said to be once.
      if (!this.#hasFailed) this.#log.error({ err: error, file: this.#config.file }, 'cannot write the MRT log');
      this.#hasFailed = true;
    }
  }
}

/** Whole records only, so that each of the files can be read by itself. */
function append({ file, maxBytes, keep }: MrtLogConfig, bytes: Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true });
  const fd = openSync(file, 'a', 0o640);
  let size;
  try {
    writeSync(fd, bytes);
    size = fstatSync(fd).size;
  } finally {
    closeSync(fd);
  }
  if (size >= maxBytes) rotate(file, keep);
}

function rotate(file: string, keep: number): void {
  for (let number = keep; number > 1; number--) {
    try {
      renameSync(`${file}.${number - 1}`, `${file}.${number}`);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
  renameSync(file, `${file}.1`);
}

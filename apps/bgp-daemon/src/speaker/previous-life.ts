/**
 * What a daemon that comes after this one has to know of it (RFC 4724 4.1): whose sessions were up, and that this node
 * has forwarded ever since. Whoever was not there needs no waiting for.
 */
import { mkdirSync, readFileSync, readlinkSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from '@calico-node/service';

/** Nobody keeps our routes for so long that an older note would matter. */
const freshMs = 600_000;

/** A boot of the kernel, and a network namespace in it: with either of them the routes are gone. */
function kernelTable(): string {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return `${boot} ${readlinkSync('/proc/self/ns/net')}`;
}

/** The names of the peers of the daemon that was here before; undefined if there was none lately. */
export function readPreviousLife(file: string): ReadonlySet<string> | undefined {
  try {
    if (Date.now() - statSync(file).mtimeMs > freshMs) return undefined;
    const [table, ...peers] = readFileSync(file, 'utf8').trimEnd().split('\n');
    return table === kernelTable() ? new Set(peers) : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps the note that {@link readPreviousLife} reads. */
export class LifeNote {
  readonly #file: string;
  readonly #log: Logger;
  #table: string | undefined;
  #written: string | undefined;

  constructor(file: string, log: Logger) {
    this.#file = file;
    this.#log = log;
  }

  /** Notes whose sessions are up, or may come back. Nothing is written as long as there was never any. */
  write(peers: readonly string[]): void {
    this.#table ??= kernelTable();
    const text = [this.#table, ...[...new Set(peers)].sort(), ''].join('\n');
    if (text === this.#written || (this.#written === undefined && peers.length === 0)) return;
    this.#attempt(() => {
      mkdirSync(dirname(this.#file), { recursive: true });
      writeFileSync(`${this.#file}.new`, text);
      renameSync(`${this.#file}.new`, this.#file);
      this.#written = text;
    });
  }

  /** Says that what was noted still holds. */
  touch(): void {
    if (this.#written === undefined) return;
    this.#attempt(() => {
      const now = new Date();
      utimesSync(this.#file, now, now);
    });
  }

  #attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#log.warn({ err: error, file: this.#file }, 'cannot note the sessions for a restart');
    }
  }
}

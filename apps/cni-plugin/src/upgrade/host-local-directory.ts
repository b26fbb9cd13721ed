import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseIp, type IpAddress } from '@calico-node/net';
import { tryLockFile } from '@calico-node/netlink';

const lockRetryMs = 100;

/** An address that `host-local` gave. */
export interface HostLocalAllocation {
  readonly ip: IpAddress;
  readonly containerId: string;
  /** The file that stands for it. */
  readonly path: string;
}

/**
 * Where `host-local` keeps what it gave on one network: a file per address, with the container's identifier in its first
 * line; `last_reserved_ip.*`; and `lock`.
 */
export class HostLocalDirectory {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Whether `host-local` keeps anything here; undefined: the directory is not there. */
  isEmpty(): boolean | undefined {
    try {
      return readdirSync(this.#path).length === 0;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Takes the lock under which `host-local` works; waits for it. Disposing gives it back. */
  async lock(signal: AbortSignal): Promise<Disposable> {
    for (;;) {
      const lock = tryLockFile(join(this.#path, 'lock'));
      if (lock !== undefined) return lock;
      await delay(lockRetryMs, undefined, { signal });
    }
  }

  /** What it gave. @throws NetParseError for a file of no address's name */
  allocations(): readonly HostLocalAllocation[] {
    const names = readdirSync(this.#path).filter((name) => name !== 'lock' && !name.includes('last'));
    return names.map((name) => {
      const path = join(this.#path, name);
      const [containerId = ''] = readFileSync(path, 'utf8').split('\n', 1);
      return { ip: parseIp(name), containerId: containerId.trim(), path };
    });
  }

  forget(path: string): void {
    rmSync(path, { force: true });
  }

  /** Takes the directory away, with all that is in it. */
  remove(): void {
    rmSync(this.#path, { recursive: true, force: true });
  }
}

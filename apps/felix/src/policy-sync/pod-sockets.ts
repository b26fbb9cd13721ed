/**
 * The sockets that pods find in the volume which Calico's CSI driver mounts into them. Under the prefix:
 *
 *   creds/<volume>.json     the driver puts it there, last, and takes it away when the pod goes
 *   mount/<volume>/socket   ours, while the former is there
 */
import { watch, type FSWatcher } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunningServer } from '@calico-node/rpc';
import type { Logger } from '@calico-node/service';
import { parsePodCredentials, type PodCredentials } from './pod-credentials.ts';

/** In case that the kernel does not tell of a change. */
const LOOK_INTERVAL_MS = 1000;
const suffix = '.json';

export interface PodSocketsOptions {
  readonly prefix: string;
  readonly serve: (path: string, pod: PodCredentials) => Promise<RunningServer>;
  readonly log: Logger;
}

export class PodSockets {
  readonly #options: PodSocketsOptions;
  readonly #credentials: string;
  readonly #sockets = new Map<string, RunningServer>();
  /** Those that failed, and have been told of. */
  readonly #failed = new Set<string>();
  #watcher: FSWatcher | undefined;
  #wake: () => void = () => undefined;

  constructor(options: PodSocketsOptions) {
    this.#options = options;
    this.#credentials = join(options.prefix, 'creds');
  }

  /** Keeps the sockets until the signal fires, then closes them. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => {
      this.#wake();
    };
    signal.addEventListener('abort', stop);
    try {
      while (!signal.aborted) {
        const change = this.#nextChange();
        await this.#look();
        await change;
      }
    } finally {
      signal.removeEventListener('abort', stop);
      this.#watcher?.close();
      await Promise.all([...this.#sockets.keys()].map((volume) => this.#close(volume)));
    }
  }

  /** Resolves once something has changed since the call, or may have. */
  #nextChange(): Promise<void> {
    this.#watcher ??= this.#watch();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LOOK_INTERVAL_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Undefined while the directory is not there. */
  #watch(): FSWatcher | undefined {
    try {
      const watcher = watch(this.#credentials, () => {
        this.#wake();
      });
      return watcher.on('error', () => {
        this.#unwatch();
      });
    } catch {
      return undefined;
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  async #look(): Promise<void> {
    const volumes = new Set(await this.#volumes());
    for (const volume of this.#failed) if (!volumes.has(volume)) this.#failed.delete(volume);
    for (const volume of this.#sockets.keys()) if (!volumes.has(volume)) await this.#close(volume);
    for (const volume of volumes) if (!this.#sockets.has(volume)) await this.#open(volume);
  }

  async #volumes(): Promise<readonly string[]> {
    try {
      const names = await readdir(this.#credentials);
      return names.filter((name) => name.endsWith(suffix)).map((name) => name.slice(0, -suffix.length));
    } catch {
      // No pod has such a volume yet; or the directory went, and a new one has to be watched.
      this.#unwatch();
      return [];
    }
  }

  async #open(volume: string): Promise<void> {
    const { prefix, serve, log } = this.#options;
    const path = join(prefix, 'mount', volume, 'socket');
    try {
      const pod = parsePodCredentials(await readFile(join(this.#credentials, `${volume}${suffix}`), 'utf8'));
      this.#sockets.set(volume, await serve(path, pod));
      this.#failed.delete(volume);
      log.info({ path, ...pod }, 'policy is served to a pod');
    } catch (error) {
      if (!this.#failed.has(volume)) log.warn({ err: error, path }, 'policy cannot be served to a pod; trying on');
      this.#failed.add(volume);
    }
  }

  async #close(volume: string): Promise<void> {
    const socket = this.#sockets.get(volume);
    this.#sockets.delete(volume);
    await socket?.close();
  }
}

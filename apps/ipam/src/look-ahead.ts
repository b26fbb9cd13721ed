import type { NodeAllocator, WarmAssign } from '@calico-node/ipam';
import type { ServiceContext } from '@calico-node/service';

/**
 * Gets ready for the next request while nobody waits: has the node's blocks read again where they are not known, and a
 * block claimed when the last address of the node's blocks was given. So the next request need not do so.
 */
export class LookAhead {
  readonly #allocator: Pick<NodeAllocator, 'prepare' | 'forget'>;
  readonly #log: Pick<ServiceContext['log'], 'debug'>;
  #next: WarmAssign | undefined;

  constructor(allocator: Pick<NodeAllocator, 'prepare' | 'forget'>, log: Pick<ServiceContext['log'], 'debug'>) {
    this.#allocator = allocator;
    this.#log = log;
  }

  /** The next request is taken to be like this one. */
  expectAnother(request: WarmAssign): void {
    this.#next = request;
  }

  /** Once for each request: what cannot be had is not asked for again and again. Not while requests are served. */
  async look(): Promise<void> {
    const next = this.#next;
    this.#next = undefined;
    try {
      await this.#allocator.prepare(next);
    } catch (error) {
      this.#allocator.forget();
      this.#log.debug({ err: error }, 'could not get ready for the next request');
    }
  }
}

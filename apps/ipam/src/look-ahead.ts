import { isIpamError, type Ipam, type NodeAllocator, type WarmAssign } from '@calico-node/ipam';
import type { NodeName } from '@calico-node/net';
import type { ServiceContext } from '@calico-node/service';

/**
 * Gets ready for the next request while nobody waits: reads the node's blocks again where they are not known, and
 * claims a block when the last address of the node's blocks was given. So the next one need not do so.
 */
export class LookAhead {
  readonly #ipam: Pick<Ipam, 'claimAhead'>;
  readonly #allocator: Pick<NodeAllocator, 'hasRoomFor' | 'forget'>;
  readonly #nodeName: NodeName;
  readonly #log: Pick<ServiceContext['log'], 'debug'>;
  #next: WarmAssign | undefined;

  constructor(
    ipam: Pick<Ipam, 'claimAhead'>,
    allocator: Pick<NodeAllocator, 'hasRoomFor' | 'forget'>,
    nodeName: NodeName,
    log: Pick<ServiceContext['log'], 'debug'>,
  ) {
    this.#ipam = ipam;
    this.#allocator = allocator;
    this.#nodeName = nodeName;
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
    if (next === undefined) return;
    try {
      if (await this.#allocator.hasRoomFor(next)) return;
      await this.#ipam.claimAhead({ ...next, nodeName: this.#nodeName });
      this.#allocator.forget();
      await this.#allocator.hasRoomFor(next);
    } catch (error) {
      if (!isIpamError(error)) this.#allocator.forget();
      this.#log.debug({ err: error }, 'could not get a block ready for the next request');
    }
  }
}

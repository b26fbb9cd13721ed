import type { Cidr } from '@calico-node/net';
import { freshBlock } from '../affinity.ts';
import { hostAffinity } from '../block.ts';
import { BlockWalk } from '../block-order.ts';
import { maxBlocks } from '../block-source.ts';
import type { Clock } from '../clock.ts';
import { poolOf, type Pool } from '../pools.ts';
import type { OwnBlock } from './draft.ts';
import type { Reference } from './reference.ts';

/** The revision of what does not exist: a guard at it holds as long as nobody makes it. */
export const absent = 0n;

/** A block that a node may claim, free from end to end. */
export interface Claim {
  readonly cidr: Cidr;
  readonly pool: Pool;
  readonly block: OwnBlock;
}

/** Chooses the blocks that a node claims, as far as the node can tell alone (Calico's documented IPAM behaviour). */
export class BlockClaims {
  readonly #nodeName: string;
  readonly #reference: Reference;
  readonly #taken: ReadonlySet<Cidr>;
  readonly #clock: Clock;

  /** `taken`: blocks that others are known to have. */
  constructor(nodeName: string, reference: Reference, taken: ReadonlySet<Cidr>, clock: Clock) {
    this.#nodeName = nodeName;
    this.#reference = reference;
    this.#taken = taken;
    this.#clock = clock;
  }

  /**
   * The first block of these pools, in the node's own order, that nobody is known to have; none where the node may have
   * no more, by the configuration or by the request's own limit (0: none).
   */
  next(usable: readonly Pool[], own: ReadonlyMap<Cidr, OwnBlock>, limit: number): Claim | undefined {
    const { config, reservations } = this.#reference;
    const owned = [...own.keys()].filter((cidr) => poolOf(usable, cidr) !== undefined).length;
    if (config.auto_allocate_blocks !== true || owned >= maxBlocks(config, limit)) return undefined;
    for (const pool of usable) {
      for (const cidr of new BlockWalk(pool, this.#nodeName, this.#clock).blocks(reservations.around)) {
        if (own.has(cidr) || this.#taken.has(cidr)) continue;
        const value = freshBlock(cidr, hostAffinity(this.#nodeName), this.#clock);
        return { cidr, pool, block: { value, revision: absent, affinityRevision: absent } };
      }
    }
    return undefined;
  }
}

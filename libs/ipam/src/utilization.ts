import type { AllocationBlock, IPPool } from '@calico-node/model';
import { cidrContains, cidrSize, tryParseCidr, type Cidr } from '@calico-node/net';

/** How full a block is. */
export interface BlockUse {
  readonly cidr: Cidr;
  readonly capacity: number;
  /** Given, or given back and still cooling. */
  readonly inUse: number;
}

/** How full a pool is. */
export interface PoolUse {
  readonly name: string;
  readonly cidr: Cidr;
  readonly capacity: bigint;
  readonly inUse: number;
  /** Those cut from it, in the order given. */
  readonly blocks: readonly BlockUse[];
}

export interface Utilization {
  /** In the order given; pools whose network can't be read are left out. */
  readonly pools: readonly PoolUse[];
  /** Blocks whose pool is gone. */
  readonly orphans: readonly BlockUse[];
}

/** Counts the addresses in use. A block counts for the first pool that contains it. */
export function utilizationOf(pools: readonly IPPool[], blocks: readonly AllocationBlock[]): Utilization {
  const known = pools.flatMap(({ metadata, spec }) => {
    const cidr = tryParseCidr(spec.cidr);
    return cidr === undefined ? [] : [{ name: metadata.name, cidr, blocks: [] as BlockUse[] }];
  });
  const orphans: BlockUse[] = [];
  for (const block of blocks) {
    const pool = known.find(({ cidr }) => cidrContains(cidr, block.cidr));
    (pool?.blocks ?? orphans).push({
      cidr: block.cidr,
      capacity: block.allocations.length,
      inUse: block.allocations.filter((index) => index !== null).length,
    });
  }
  return {
    pools: known.map((pool) => ({
      ...pool,
      capacity: cidrSize(pool.cidr),
      inUse: pool.blocks.reduce((sum, { inUse }) => sum + inUse, 0),
    })),
    orphans,
  };
}

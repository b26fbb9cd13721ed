import type { AllocationAttribute, AllocationBlock } from '@calico-node/model';
import type { Cidr, IpAddress } from '@calico-node/net';
import { addressAt } from './block.ts';

/** One address that a block records as given. */
export interface Allocation {
  readonly ip: IpAddress;
  readonly block: Cidr;
  /** The block's: `host:<node>`, `virtual:load-balancer`, or null. */
  readonly affinity: string | null;
  /** Who has it; undefined where the block is broken and names an attribute that is not there. */
  readonly attribute: AllocationAttribute | undefined;
  /** The block's sequence number when the address was given; 0 in very old blocks. */
  readonly sequenceNumber: bigint;
}

/** Every address that a block records as given, cooling ones included, in address order. */
export function allocationsOf(block: AllocationBlock): readonly Allocation[] {
  return block.allocations.flatMap((index, ordinal) => {
    if (index === null) return [];
    return [
      {
        ip: addressAt(block, ordinal),
        block: block.cidr,
        affinity: block.affinity,
        attribute: block.attributes?.[index],
        sequenceNumber: block.sequenceNumberForAllocation[String(ordinal)] ?? 0n,
      },
    ];
  });
}

/** What follows `host:` or `virtual:` in an affinity; empty for none. */
export function ownerOf(affinity: string | null): string {
  return affinity === null ? '' : affinity.slice(affinity.indexOf(':') + 1);
}

/** The node whose block it is; empty for load balancer blocks and those of nobody. */
export function nodeOfAffinity(affinity: string | null): string {
  return affinity?.startsWith('host:') === true ? ownerOf(affinity) : '';
}

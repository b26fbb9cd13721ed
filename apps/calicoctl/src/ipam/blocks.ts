import type { Backend } from '@calico-node/datastore';
import { blockPrefix, decodeBlock, type AllocationAttribute, type AllocationBlock } from '@calico-node/model';
import { addToIp, splitCidr, type Cidr, type IpAddress } from '@calico-node/net';

/** An address that is given to somebody. */
export interface Allocation {
  readonly ip: IpAddress;
  readonly block: Cidr;
  /** The node (or `load-balancer`) that the block belongs to; empty when it belongs to none. */
  readonly owner: string;
  readonly attribute: AllocationAttribute;
}

/** Every allocation block in the store, in key order. @throws ValidationError for one that can't be read. */
export async function readBlocks(backend: Backend): Promise<readonly AllocationBlock[]> {
  const { items } = await backend.list(blockPrefix());
  return items.map(({ value }) => decodeBlock(value));
}

/** The addresses of a block that are in use, in their order. */
export function allocationsOf(block: AllocationBlock): readonly Allocation[] {
  const { ip: first } = splitCidr(block.cidr);
  return block.allocations.flatMap((index, ordinal) => {
    const attribute = index === null ? undefined : (block.attributes?.[index] ?? {});
    if (attribute === undefined || attribute.releasedAt !== undefined) return [];
    return [{ ip: addToIp(first, ordinal), block: block.cidr, owner: ownerOf(block), attribute }];
  });
}

/** What follows `host:` or `virtual:` in a block's affinity. */
export function ownerOf({ affinity }: AllocationBlock): string {
  return affinity === null ? '' : affinity.slice(affinity.indexOf(':') + 1);
}

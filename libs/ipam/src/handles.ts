import type { IpamConfig, IpamHandle } from '@calico-node/model';
import type { Cidr, Family } from '@calico-node/net';
import { familyOf, parseCidr, splitCidr } from '@calico-node/net';
import type { Assigned } from './auto-assign.ts';
import { addressesOfHandle } from './block.ts';
import { IpamError } from './errors.ts';
import { retrying } from './retry.ts';
import type { IpamStore } from './store.ts';

/** How many addresses of a family a handle counts. */
function countOf(blocks: Readonly<Record<string, number>>, family: Family): number {
  let count = 0;
  for (const [cidr, number] of Object.entries(blocks)) if (familyOf(parseCidr(cidr)) === family) count += number;
  return count;
}

/** The addresses that a handle holds. Whatever it counts too much is not there. */
export async function heldBy(store: IpamStore, id: string, known?: IpamConfig): Promise<readonly Assigned[]> {
  const [handle, config] = await Promise.all([store.handle(id), known ?? store.config()]);
  const cidrs = Object.keys(handle?.value.block ?? {}).map((text) => parseCidr(text));
  const blocks = await Promise.all(cidrs.map((cidr) => store.block(cidr, config)));
  return blocks.flatMap((block) => {
    if (block === undefined) return [];
    const { prefixLength } = splitCidr(block.value.cidr);
    return addressesOfHandle(block.value, id).map((ip) => ({ ip, prefixLength }));
  });
}

/**
 * A handle that counts more addresses of a block.
 * @throws IpamError `handle-limit` when the family's count would exceed `limit`.
 */
export function counted(
  id: string,
  stored: IpamHandle | undefined,
  cidr: Cidr,
  count: number,
  limit: number | undefined,
): IpamHandle {
  const block = stored?.block ?? {};
  if (limit !== undefined && countOf(block, familyOf(cidr)) + count > limit) {
    throw new IpamError('handle-limit', `handle ${id} may hold no more than ${limit} IPv${familyOf(cidr)} addresses`);
  }
  return { block: { ...block, [cidr]: (block[cidr] ?? 0) + count }, deleted: false };
}

/**
 * Adds to a handle's count for a block, before the block itself is written, so that the handle leads to
 * every address that it may hold.
 * @throws IpamError `handle-limit` when the family's count would exceed `limit`; nothing is written then.
 */
export async function incrementHandle(
  store: IpamStore,
  id: string,
  cidr: Cidr,
  count: number,
  limit?: number,
): Promise<void> {
  await retrying(`count ${count} addresses on handle ${id}`, async () => {
    const stored = await store.handle(id);
    await store.writeHandle(id, counted(id, stored?.value, cidr, count, limit), stored?.revision);
  });
}

/** Takes from a handle's count for a block, after the block was written; a handle that counts nothing is deleted. */
export async function decrementHandle(store: IpamStore, id: string, cidr: Cidr, count: number): Promise<void> {
  await retrying(`take ${count} addresses off handle ${id}`, async () => {
    const stored = await store.handle(id);
    const counted = stored?.value.block[cidr];
    if (stored === undefined || counted === undefined) return;
    const { [cidr]: _, ...others } = stored.value.block;
    const block = counted > count ? { ...others, [cidr]: counted - count } : others;
    await store.writeHandle(id, { block, deleted: false }, stored.revision);
  });
}

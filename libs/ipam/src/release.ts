import type { AllocationBlock, IpamConfig } from '@calico-node/model';
import { cidrContains, cidrOf, familyOf, parseCidr, type Cidr, type Family, type IpAddress } from '@calico-node/net';
import { releaseAffinity } from './affinity.ts';
import { addressesOfHandle, isEmptyBlock, releaseFrom, type Release, type Released } from './block.ts';
import { parseAffinityText } from './block-source.ts';
import { isIpamError } from './errors.ts';
import { decrementHandle } from './handles.ts';
import { poolOf, selectsNode, type Pool } from './pools.ts';
import { isRace, retrying } from './retry.ts';
import type { IpamStore } from './store.ts';

interface Setting {
  readonly store: IpamStore;
  readonly config: IpamConfig;
  readonly pools: readonly Pool[];
}

/**
 * Gives addresses back, block by block: of each block all or none. Gives those that nobody held; the first block's
 * refusal is thrown when the others are done.
 */
export async function releaseAddresses(setting: Setting, requests: readonly Release[]): Promise<readonly IpAddress[]> {
  const unallocated: IpAddress[] = [];
  const scanned = new Map<Family, readonly Cidr[]>();
  const byBlock = new Map<Cidr, Release[]>();
  for (const request of requests) {
    const cidr = await blockCidrOf(setting, request.ip, scanned);
    if (cidr === undefined) unallocated.push(request.ip);
    else byBlock.set(cidr, [...(byBlock.get(cidr) ?? []), request]);
  }
  const failures: unknown[] = [];
  for (const [cidr, group] of byBlock) {
    try {
      const result = await releaseInBlock(setting, cidr, () => group);
      unallocated.push(...(result?.unallocated ?? group.map(({ ip }) => ip)));
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return unallocated;
}

/** The block that an address lies in: by its pool, or, when the pool is gone, by looking at all blocks. */
async function blockCidrOf(
  { store, config, pools }: Setting,
  ip: IpAddress,
  scanned: Map<Family, readonly Cidr[]>,
): Promise<Cidr | undefined> {
  const pool = poolOf(pools, ip);
  if (pool !== undefined) return cidrOf(ip, pool.blockSize);
  const family = familyOf(ip);
  const known = scanned.get(family) ?? (await store.blocks(family, config)).map(({ value }) => parseCidr(value.cidr));
  scanned.set(family, known);
  return known.find((cidr) => cidrContains(cidr, ip));
}

/**
 * Gives back every address of a handle and the handle itself. Whatever the handle counted too much
 * (an allocator that died half way) goes with it.
 */
export async function releaseHandle(setting: Setting, id: string): Promise<readonly IpAddress[]> {
  const { store } = setting;
  const handle = await store.handle(id);
  const released: IpAddress[] = [];
  for (const [text, counted] of Object.entries(handle?.value.block ?? {})) {
    const cidr = parseCidr(text);
    const result = await releaseInBlock(setting, cidr, (block) =>
      addressesOfHandle(block, id).map((ip) => ({ ip, handleId: id })),
    );
    released.push(...(result?.released ?? []));
    const left = counted - (result?.countByHandle.get(id) ?? 0);
    if (left > 0) await decrementHandle(store, id, cidr, left);
  }
  return released;
}

/** One block's releases: block first, then the handles' counts, then the host's affinity if it lost its reason. */
async function releaseInBlock(
  setting: Setting,
  cidr: Cidr,
  requestsFor: (block: AllocationBlock) => readonly Release[],
): Promise<Released | undefined> {
  const { store, config } = setting;
  const result = await retrying(`release in block ${cidr}`, async () => {
    const stored = await store.block(cidr, config);
    if (stored === undefined) return undefined;
    const outcome = releaseFrom(stored.value, requestsFor(stored.value), store.cooldown(config));
    if (outcome.released.length === 0) return outcome;
    const isOrphan = outcome.block.affinity === null && isEmptyBlock(outcome.block);
    if (isOrphan) await store.deleteBlock(cidr, stored.revision);
    else await store.updateBlock(outcome.block, stored.revision);
    return outcome;
  });
  if (result === undefined || result.released.length === 0) return result;
  for (const [handleId, count] of result.countByHandle) await decrementHandle(store, handleId, cidr, count);
  if (isEmptyBlock(result.block)) await releaseStrayAffinity(setting, result.block);
  return result;
}

/** An empty block whose pool no longer serves its node is given up. Best effort: the next release tries again. */
async function releaseStrayAffinity({ store, config, pools }: Setting, block: AllocationBlock): Promise<void> {
  const host = parseAffinityText(block.affinity);
  if (host?.type !== 'host') return;
  const cidr = parseCidr(block.cidr);
  try {
    const pool = poolOf(pools, cidr);
    if (pool !== undefined) {
      const nodeLabels = await store.nodeLabels(host.name);
      if (nodeLabels === undefined || selectsNode(pool, { nodeLabels })) return;
    }
    await releaseAffinity(store, host, cidr, config, { mustBeEmpty: true });
  } catch (error) {
    if (!isRace(error) && !isIpamError(error)) throw error;
  }
}

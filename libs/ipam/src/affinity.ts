/*
 * How a host comes to own a block and gives it back: the states pending, confirmed, pendingDeletion of
 * the affinity beside the block's own affinity field (Calico's documented behaviour). The block's field decides;
 * the affinity record says what a host has begun, so that anybody can finish it after a crash.
 */
import { isDatastoreError } from '@calico-node/datastore';
import type { AllocationBlock, BlockAffinity, IpamConfig } from '@calico-node/model';
import type { Cidr } from '@calico-node/net';
import { isEmptyBlock, newBlock } from './block.ts';
import type { Clock } from './clock.ts';
import { IpamError } from './errors.ts';
import { RetryNeeded } from './retry.ts';
import { affinityText, type Host, type IpamStore, type Stored } from './store.ts';

/**
 * Makes a block a host's, ready for use; one that is the host's already stays so.
 * @throws IpamError `block-claimed` when another host was first; no affinity is left then.
 *   A race with another writer throws what `isRace` knows.
 */
export async function claimForHost(
  store: IpamStore,
  host: Host,
  cidr: Cidr,
  config: IpamConfig,
  clock: Clock,
): Promise<Stored<AllocationBlock>> {
  const pending = await createPending(store, host, cidr);
  // Nobody was releasing or claiming it for this host: there is nothing half done to look at first.
  if (pending !== undefined) return claimBlock(store, host, cidr, pending, config, clock);
  const stored = await store.affinity(host, cidr);
  if (stored === undefined) throw new RetryNeeded(`the affinity to ${cidr} came and went`);
  const isConfirmed = stored.value.state === 'confirmed';
  const affinity = isConfirmed ? stored : await store.updateAffinity(host, cidr, 'pending', stored.revision);
  return blockOfAffinity(store, host, cidr, affinity, config, clock);
}

/** A block as it is when a host claims it at this moment. */
export function freshBlock(cidr: Cidr, affinity: string, clock: Clock): AllocationBlock {
  const claimTime = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  return newBlock(cidr, affinity, claimTime, clock.nanoseconds());
}

/** Notes that a host is about to claim a block; undefined when it has an affinity to it already. */
async function createPending(store: IpamStore, host: Host, cidr: Cidr): Promise<Stored<BlockAffinity> | undefined> {
  try {
    return await store.createAffinity(host, cidr, 'pending');
  } catch (error) {
    if (isDatastoreError(error, 'already-exists')) return undefined;
    throw error;
  }
}

/**
 * Creates the block of a pending affinity, or joins in when it exists and is the host's already.
 * @throws IpamError `block-claimed` when another host was first; the affinity is deleted then.
 */
async function claimBlock(
  store: IpamStore,
  host: Host,
  cidr: Cidr,
  affinity: Stored<BlockAffinity>,
  config: IpamConfig,
  clock: Clock,
): Promise<Stored<AllocationBlock>> {
  let block: Stored<AllocationBlock>;
  try {
    block = await store.createBlock(freshBlock(cidr, affinityText(host), clock));
  } catch (error) {
    if (!isDatastoreError(error, 'already-exists')) throw error;
    const existing = await store.block(cidr, config);
    if (existing === undefined) throw new RetryNeeded(`block ${cidr} came and went`);
    if (existing.value.affinity !== affinityText(host)) {
      await store.deleteAffinity(host, cidr, affinity.revision);
      throw new IpamError('block-claimed', `block ${cidr} belongs to ${existing.value.affinity ?? 'no host'}`);
    }
    block = existing;
  }
  await confirmAffinity(store, host, cidr, affinity);
  return block;
}

async function confirmAffinity(
  store: IpamStore,
  host: Host,
  cidr: Cidr,
  affinity: Stored<BlockAffinity>,
): Promise<void> {
  try {
    await store.updateAffinity(host, cidr, 'confirmed', affinity.revision);
  } catch (error) {
    if (!isDatastoreError(error, 'conflict')) throw error;
    const now = await store.affinity(host, cidr);
    if (now?.value.state !== 'confirmed') throw error;
  }
}

/**
 * The block of an affinity, ready for use: created if it does not exist, and the affinity confirmed.
 * @throws IpamError `block-claimed` when the block is another host's; the affinity is deleted then.
 *   A race with another writer throws what `isRace` knows.
 */
export async function blockOfAffinity(
  store: IpamStore,
  host: Host,
  cidr: Cidr,
  affinity: Stored<BlockAffinity>,
  config: IpamConfig,
  clock: Clock,
): Promise<Stored<AllocationBlock>> {
  const block = await store.block(cidr, config);
  if (block === undefined) {
    const pending = await store.updateAffinity(host, cidr, 'pending', affinity.revision);
    return claimBlock(store, host, cidr, pending, config, clock);
  }
  if (block.value.affinity !== affinityText(host)) {
    await store.deleteAffinity(host, cidr, affinity.revision);
    throw new IpamError('block-claimed', `block ${cidr} belongs to ${block.value.affinity ?? 'no host'}`);
  }
  if (affinity.value.state === 'confirmed' || (affinity.value.state as string) === '') return block;
  // The affinity was left half way, perhaps by somebody who is releasing it at this moment: writing the
  // block makes that one's compare-and-swap fail, or ours.
  const pending = await store.updateAffinity(host, cidr, 'pending', affinity.revision);
  const written = await store.updateBlock(block.value, block.revision);
  await confirmAffinity(store, host, cidr, pending);
  return written;
}

/**
 * Gives a host's affinity to a block up. An empty block is deleted; one in use stays, without host,
 * until its last address is released.
 * @throws IpamError `block-claimed` when the block is another host's (the affinity is deleted then);
 *   `block-not-empty` with `mustBeEmpty`, or when it changed since `ifSequenceNumber`.
 */
export async function releaseAffinity(
  store: IpamStore,
  host: Host,
  cidr: Cidr,
  config: IpamConfig,
  options: { readonly mustBeEmpty: boolean; readonly ifSequenceNumber?: bigint },
): Promise<void> {
  const affinity = await store.affinity(host, cidr);
  const block = await store.block(cidr, config);
  if (block === undefined) {
    if (affinity !== undefined) await store.deleteAffinity(host, cidr, affinity.revision);
    return;
  }
  // A block that is nobody's already: what is left to do is done.
  const isOurs =
    block.value.affinity === affinityText(host) || (block.value.affinity === null && affinity !== undefined);
  if (!isOurs) {
    if (affinity !== undefined) await store.deleteAffinity(host, cidr, affinity.revision);
    throw new IpamError('block-claimed', `block ${cidr} belongs to ${block.value.affinity ?? 'no host'}`);
  }
  const isEmpty = isEmptyBlock(block.value);
  const changed = options.ifSequenceNumber !== undefined && block.value.sequenceNumber !== options.ifSequenceNumber;
  if ((options.mustBeEmpty && !isEmpty) || changed) {
    throw new IpamError('block-not-empty', `block ${cidr} of ${affinityText(host)} is in use`);
  }
  const leaving =
    affinity === undefined ? undefined : await store.updateAffinity(host, cidr, 'pendingDeletion', affinity.revision);
  if (isEmpty) {
    await store.deleteBlock(cidr, block.revision);
  } else {
    const { affinity_claim_time: _, ...rest } = block.value;
    await store.updateBlock({ ...rest, affinity: null }, block.revision);
  }
  if (leaving !== undefined) await store.deleteAffinity(host, cidr, leaving.revision);
}

/*
 * Which host has which blocks, changed from outside: blocks claimed for a host, and taken from hosts that leave
 * (Calico's documented behaviour). Each block is a compare-and-swap of its own.
 */
import type { IpamConfig } from '@calico-node/model';
import {
  addressBits,
  addToIp,
  cidrContains,
  cidrOf,
  cidrsOverlap,
  familyOf,
  splitCidr,
  type Cidr,
} from '@calico-node/net';
import { claimForHost, releaseAffinity } from './affinity.ts';
import { parseAffinityText } from './block-source.ts';
import type { Clock } from './clock.ts';
import { IpamError, isIpamError } from './errors.ts';
import { poolOf, type Pool } from './pools.ts';
import { retrying } from './retry.ts';
import { affinityText, type Host, type IpamStore } from './store.ts';

/** More in one request is a mistake. */
const maxClaimed = 65_536n;

export interface BlockSetting {
  readonly store: IpamStore;
  readonly config: IpamConfig;
  readonly pools: readonly Pool[];
}

export interface ClaimedBlocks {
  /** The host's now, also those that were before. */
  readonly claimed: readonly Cidr[];
  /** Those that another host has. */
  readonly taken: readonly Cidr[];
}

/**
 * Makes every block inside a network a host's.
 * @throws IpamError `no-pool` when it is in no enabled pool, `invalid` when it is no whole number of its blocks.
 */
export async function claimBlocks(
  { store, config, pools }: BlockSetting,
  host: Host,
  cidr: Cidr,
  clock: Clock,
): Promise<ClaimedBlocks> {
  const enabled = pools.filter((candidate) => candidate.isEnabled);
  const pool = poolOf(enabled, cidr);
  if (pool === undefined) throw new IpamError('no-pool', `${cidr} is not in an enabled IP pool`);
  const claimed: Cidr[] = [];
  const taken: Cidr[] = [];
  for (const block of blocksInside(cidr, pool)) {
    try {
      await retrying(`claim block ${block}`, () => claimForHost(store, host, block, config, clock));
      claimed.push(block);
    } catch (error) {
      if (!isIpamError(error, 'block-claimed')) throw error;
      taken.push(block);
    }
  }
  return { claimed, taken };
}

function blocksInside(cidr: Cidr, { name, blockSize }: Pool): readonly Cidr[] {
  const { ip, prefixLength, family } = splitCidr(cidr);
  if (prefixLength > blockSize) {
    throw new IpamError('invalid', `${cidr} is smaller than a block of IP pool ${name} (/${blockSize})`);
  }
  const count = 1n << BigInt(blockSize - prefixLength);
  if (count > maxClaimed) throw new IpamError('invalid', `${cidr} has ${count} blocks, more than ${maxClaimed}`);
  const size = 1n << BigInt(addressBits(family) - blockSize);
  return Array.from({ length: Number(count) }, (_, index) => cidrOf(addToIp(ip, BigInt(index) * size), blockSize));
}

export interface ReleaseOptions {
  /** A block in use stays the host's, and is an error when the others are done. */
  readonly mustBeEmpty?: boolean;
}

/**
 * Takes from a host the blocks inside a network, or all; addresses in use stay assigned.
 * @throws IpamError `block-not-empty` with `mustBeEmpty`, when all the others are done.
 */
export async function releaseBlocks(
  setting: BlockSetting,
  host: Host,
  inside: Cidr | undefined,
  { mustBeEmpty = false }: ReleaseOptions,
): Promise<void> {
  const { store, config } = setting;
  const blocks = new Set(await store.affinities(host));
  if (inside !== undefined) {
    // Blocks too whose affinity got lost.
    for (const { value } of await store.blocks(familyOf(inside), config)) {
      if (value.affinity === affinityText(host)) blocks.add(value.cidr);
    }
  }
  let refusal: IpamError | undefined;
  for (const block of blocks) {
    if (inside !== undefined && !cidrContains(inside, block)) continue;
    try {
      await releaseOne(setting, host, block, mustBeEmpty);
    } catch (error) {
      if (!isIpamError(error, 'block-not-empty')) throw error;
      refusal ??= error;
    }
  }
  if (refusal !== undefined) throw refusal;
}

/** Takes the blocks of a pool from whatever hosts have them, those too that a host had only begun to claim. */
export async function releasePool(setting: BlockSetting, pool: Cidr): Promise<void> {
  const { store, config } = setting;
  const [affinities, blocks] = await Promise.all([store.allAffinities(), store.blocks(familyOf(pool), config)]);
  for (const { host, cidr } of affinities) {
    if (cidrsOverlap(pool, cidr)) await releaseOne(setting, host, cidr, false);
  }
  for (const { value } of blocks) {
    const host = parseAffinityText(value.affinity);
    if (host !== undefined && cidrsOverlap(pool, value.cidr)) await releaseOne(setting, host, value.cidr, false);
  }
}

/** Another host's block is left as it is. */
async function releaseOne(
  { store, config }: BlockSetting,
  host: Host,
  cidr: Cidr,
  mustBeEmpty: boolean,
): Promise<void> {
  try {
    await retrying(`release block ${cidr}`, () => releaseAffinity(store, host, cidr, config, { mustBeEmpty }));
  } catch (error) {
    if (!isIpamError(error, 'block-claimed')) throw error;
  }
}

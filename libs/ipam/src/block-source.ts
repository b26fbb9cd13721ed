/*
 * Where the next addresses of a host come from: a block that it owns, or a new one (Calico's
 * documented IPAM behaviour).
 */
import type { AllocationBlock, IpamConfig } from '@calico-node/model';
import type { Cidr, Family } from '@calico-node/net';
import { blockOfAffinity, claimForHost, releaseAffinity } from './affinity.ts';
import { countFree, isEmptyBlock } from './block.ts';
import { BlockWalk } from './block-order.ts';
import type { Clock } from './clock.ts';
import { IpamError, isIpamError } from './errors.ts';
import { poolOf, selectsNode, type ChosenPools, type Pool } from './pools.ts';
import type { Reservations } from './reservations.ts';
import { isRace, retrying, RetryNeeded } from './retry.ts';
import { affinityText, type Host, type IpamStore, type Stored } from './store.ts';

/** How many blocks a host may own when nothing else is said. */
const defaultMaxBlocks = 20;

/** An empty block of another host may be taken over once it was claimed this long ago. */
const reclaimAgeMs = 60_000;

export interface Scope {
  readonly store: IpamStore;
  readonly host: Host;
  readonly config: IpamConfig;
  readonly family: Family;
  readonly pools: readonly Pool[];
  /** The host's labels; none for load balancer addresses. */
  readonly nodeLabels: Readonly<Record<string, string>>;
  readonly reservations: Reservations;
  readonly clock: Clock;
}

/**
 * The blocks of a host that a request may use; those of enabled pools that stopped selecting it are given up. Blocks
 * of pools that this request may not use, for whatever other reason, stay.
 */
export async function affineBlocks(scope: Scope, chosen: ChosenPools): Promise<Cidr[]> {
  const { store, host, config, family, nodeLabels } = scope;
  const enabled = scope.pools.filter((pool) => pool.isEnabled);
  const usable: Cidr[] = [];
  for (const cidr of await store.affinities(host, family)) {
    const pool = poolOf(enabled, cidr);
    if (poolOf(chosen.usable, cidr) !== undefined) usable.push(cidr);
    else if (pool !== undefined && !selectsNode(pool, { nodeLabels })) {
      // Best effort: what is in use stays, what another host took is none of ours.
      await releaseAffinity(store, host, cidr, config, { mustBeEmpty: true }).catch(() => undefined);
    }
  }
  return usable;
}

/** The number of blocks that a host may own for a request; the configuration's limit and the call's both bind. */
export function maxBlocks(config: IpamConfig, requested: number): number {
  const limits = [requested, config.maxBlocksPerHost ?? 0].filter((limit) => limit > 0);
  return limits.length === 0 ? defaultMaxBlocks : Math.min(...limits);
}

/**
 * Gives blocks of one host with free addresses, one after another, each at most once: first its own,
 * then new ones up to its limit.
 */
export class BlockSource {
  readonly #scope: Scope;
  readonly #pools: readonly Pool[];
  readonly #limit: number;
  /** The host's blocks that were not tried yet. */
  readonly #affine: Cidr[];
  #owned: number;

  constructor(scope: Scope, pools: readonly Pool[], affine: readonly Cidr[], limit: number) {
    this.#scope = scope;
    this.#pools = pools;
    this.#affine = [...affine];
    this.#owned = affine.length;
    this.#limit = limit;
  }

  /**
   * The next block with at least one free address.
   * @throws IpamError `block-limit` when the host may claim no more, `pool-full` when there is none to claim.
   */
  async next(): Promise<Stored<AllocationBlock>> {
    for (let cidr = this.#affine.shift(); cidr !== undefined; cidr = this.#affine.shift()) {
      const block = await this.#useAffine(cidr);
      if (block !== undefined) return block;
    }
    const { config, host } = this.#scope;
    if (this.#owned >= this.#limit) {
      throw new IpamError(
        'block-limit',
        `cannot allocate new block due to per host block limit (${host.name} owns ${this.#owned} of ${this.#limit})`,
      );
    }
    if (config.auto_allocate_blocks !== true) {
      throw new IpamError(
        'pool-full',
        `${host.name} has no free address and may not claim blocks (autoAllocateBlocks is off)`,
      );
    }
    const block = await retrying(`claim a block for ${host.name}`, () => this.#claimNew());
    this.#owned++;
    return block;
  }

  /** An own block if it has something free. */
  async #useAffine(cidr: Cidr): Promise<Stored<AllocationBlock> | undefined> {
    const { store, host, config, clock, reservations } = this.#scope;
    if (reservations.around(cidr) !== undefined) return undefined;
    try {
      return await retrying(`use block ${cidr}`, async () => {
        const affinity = await store.affinity(host, cidr);
        if (affinity === undefined) return undefined;
        const block = await blockOfAffinity(store, host, cidr, affinity, config, clock);
        return countFree(block.value, reservations.isReserved) > 0 ? block : undefined;
      });
    } catch (error) {
      if (isIpamError(error, 'block-claimed', 'contention')) return undefined;
      throw error;
    }
  }

  async #claimNew(): Promise<Stored<AllocationBlock>> {
    const { store, host, config, clock } = this.#scope;
    const cidr = await this.#findClaimable();
    try {
      return await claimForHost(store, host, cidr, config, clock);
    } catch (error) {
      // Somebody else was first: look again.
      if (isIpamError(error, 'block-claimed')) throw new RetryNeeded(error.message, { cause: error });
      throw error;
    }
  }

  /** A block that nobody has, or that is ours and has room; failing that, one that another left empty for long. */
  async #findClaimable(): Promise<Cidr> {
    const { store, host, family, config, reservations, clock } = this.#scope;
    const known = new Map((await store.blocks(family, config)).map((block) => [block.value.cidr, block]));
    const leftEmpty: Stored<AllocationBlock>[] = [];
    for (const pool of this.#pools) {
      for (const cidr of new BlockWalk(pool, host.name, clock).blocks(reservations.around)) {
        const block = known.get(cidr);
        if (block === undefined) return cidr;
        if (countFree(block.value, reservations.isReserved) === 0) continue;
        if (block.value.affinity === affinityText(host)) return cidr;
        if (block.value.affinity !== null && isEmptyBlock(block.value)) leftEmpty.push(block);
      }
    }
    for (const block of leftEmpty) if (await this.#takeOver(block)) return block.value.cidr;
    throw new IpamError(
      'pool-full',
      `no free block in the IPv${family} pools ${this.#pools.map((pool) => pool.name).join(', ')}`,
    );
  }

  /** Releases another host's empty block if it was claimed long ago and nothing happened to it since. */
  async #takeOver({ value: block }: Stored<AllocationBlock>): Promise<boolean> {
    const { store, config, clock } = this.#scope;
    const claimed = Date.parse(block.affinity_claim_time ?? '');
    if (clock.now() - claimed < reclaimAgeMs) return false;
    const owner = parseAffinityText(block.affinity);
    if (owner === undefined) return false;
    try {
      const options = { mustBeEmpty: true, ifSequenceNumber: block.sequenceNumber };
      await releaseAffinity(store, owner, block.cidr, config, options);
      return true;
    } catch (error) {
      if (isRace(error) || isIpamError(error)) return false;
      throw error;
    }
  }
}

/** The host that a block's affinity field names. */
export function parseAffinityText(text: string | null): Host | undefined {
  const match = /^(host|virtual):(.+)$/.exec(text ?? '');
  return match?.[2] === undefined ? undefined : { type: match[1] === 'host' ? 'host' : 'virtual', name: match[2] };
}

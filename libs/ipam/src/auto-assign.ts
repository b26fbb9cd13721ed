import type { AllocationBlock, IpamHandle } from '@calico-node/model';
import { familyOf, splitCidr, type IpAddress } from '@calico-node/net';
import { autoAssignFrom, checkAffinity, type Owner } from './block.ts';
import { BlockWalk } from './block-order.ts';
import { affineBlocks, BlockSource, maxBlocks, type Scope } from './block-source.ts';
import { IpamError, isIpamError } from './errors.ts';
import { counted, decrementHandle, heldBy, incrementHandle } from './handles.ts';
import type { ChosenPools } from './pools.ts';
import { isRace, retrying, RetryNeeded } from './retry.ts';
import { affinityText, type Stored } from './store.ts';

/** An address given out. */
export interface Assigned {
  readonly ip: IpAddress;
  /** The prefix length of the address's block, as Calico reports addresses; the workload gets a /32 or /128. */
  readonly prefixLength: number;
}

export interface FamilyRequest {
  readonly scope: Scope;
  readonly chosen: ChosenPools;
  readonly count: number;
  readonly owner: Owner;
  readonly maxBlocksPerHost: number;
  readonly maxPerHandle: number | undefined;
}

export interface FamilyResult {
  readonly assigned: readonly Assigned[];
  /** Why fewer were given than asked for. */
  readonly shortfall: IpamError | undefined;
}

/**
 * Gives addresses of one family: from the host's own blocks, from blocks newly claimed, and, unless
 * affinity is strict, from other hosts' blocks ("borrowing"). A handle that may hold no more gives what it holds.
 */
export async function assignFamily(request: FamilyRequest): Promise<FamilyResult> {
  const { scope, chosen, count } = request;
  const affine = await affineBlocks(scope, chosen);
  const source = new BlockSource(scope, chosen.usable, affine, maxBlocks(scope.config, request.maxBlocksPerHost));
  const assigned: Assigned[] = [];
  let shortfall: IpamError | undefined;
  while (assigned.length < count && shortfall === undefined) {
    try {
      const block = await source.next();
      assigned.push(
        ...(await takeFrom(request, block, count - assigned.length, scope.config.strict_affinity === true)),
      );
    } catch (error) {
      if (!isIpamError(error)) throw error;
      // A block that changed hands meanwhile: the next one may do.
      if (error.code !== 'strict-affinity') shortfall = error;
    }
  }
  if (assigned.length < count && shortfall?.code === 'pool-full' && scope.config.strict_affinity !== true) {
    assigned.push(...(await borrow(request, count - assigned.length)));
  }
  if (shortfall?.code === 'handle-limit') return held(request, shortfall);
  if (assigned.length >= count) return { assigned, shortfall: undefined };
  return { assigned, shortfall: shortfall?.code === 'pool-full' ? exhausted(request, shortfall) : shortfall };
}

/** Somebody else, or an earlier try, took the addresses under this handle: they are the answer. */
async function held({ scope, owner, count }: FamilyRequest, shortfall: IpamError): Promise<FamilyResult> {
  const all = await heldBy(scope.store, owner.handleId ?? '', scope.config);
  const assigned = all.filter(({ ip }) => familyOf(ip) === scope.family).slice(0, count);
  return { assigned, shortfall: assigned.length < count ? shortfall : undefined };
}

/** Says which pools were looked at, and what was tried before giving up. */
function exhausted({ scope, chosen, owner }: FamilyRequest, cause: IpamError): IpamError {
  const pools = chosen.usable.map(({ name, cidr }) => `${name} ${cidr}`).join(', ');
  const borrowing =
    scope.config.strict_affinity === true
      ? 'strict affinity forbids to borrow'
      : "no other host's block has a free address to borrow";
  return new IpamError(
    'pool-full',
    `No IPs available in pools: [${pools}] for ${owner.handleId ?? 'an owner without handle'}: tried the blocks of ` +
      `${scope.host.name}, then to claim one (${cause.message}), and ${borrowing}`,
    { cause },
  );
}

/** Takes addresses from blocks of any host, in the host's own order. */
async function borrow(request: FamilyRequest, count: number): Promise<readonly Assigned[]> {
  const { store, config, family, host, clock } = request.scope;
  const existing = (await store.blocks(family, config)).map((block) => block.value.cidr);
  const assigned: Assigned[] = [];
  for (const pool of request.chosen.usable) {
    for (const cidr of new BlockWalk(pool, host.name, clock).inOrder(existing)) {
      if (assigned.length >= count) return assigned;
      const block = await store.block(cidr, config);
      if (block !== undefined) assigned.push(...(await takeFrom(request, block, count - assigned.length, false)));
    }
  }
  return assigned;
}

/** Takes addresses from a block by the means that the store has. */
function takeFrom(
  request: FamilyRequest,
  found: Stored<AllocationBlock>,
  count: number,
  mustBeAffine: boolean,
): Promise<readonly Assigned[]> {
  const { handleId } = request.owner;
  return handleId !== undefined && request.scope.store.writesTogether
    ? takeTogether(request, handleId, found, count, mustBeAffine)
    : takeInTurn(request, found, count, mustBeAffine);
}

/**
 * Takes up to `count` addresses from a block, with the handle in the same step. What a lost race leaves is
 * known from the answer, so that there is nothing but one step for others to come between.
 */
async function takeTogether(
  request: FamilyRequest,
  handleId: string,
  found: Stored<AllocationBlock>,
  count: number,
  mustBeAffine: boolean,
): Promise<readonly Assigned[]> {
  const { scope, owner, maxPerHandle } = request;
  const { store, config, host, reservations } = scope;
  const { cidr } = found.value;
  let block: Stored<AllocationBlock> | undefined = found;
  let handle: Stored<IpamHandle> | undefined; // new, as a rule; if not, the store says so
  return retrying(
    `take addresses from block ${cidr}`,
    async () => {
      if (block === undefined) return [];
      if (mustBeAffine) checkAffinity(block.value, affinityText(host));
      const taken = autoAssignFrom(block.value, count, owner, reservations.isReserved);
      if (taken.ips.length === 0) return [];
      const counts = counted(handleId, handle?.value, cidr, taken.ips.length, maxPerHandle);
      const result = await store.writeTogether(taken.block, block.revision, handleId, counts, handle?.revision, config);
      if (result !== 'written') {
        ({ block, handle } = result);
        throw new RetryNeeded(`block ${cidr} or handle ${handleId} was changed by somebody else`);
      }
      const { prefixLength } = splitCidr(cidr);
      return taken.ips.map((ip) => ({ ip, prefixLength }));
    },
    'at-once',
  );
}

/**
 * Takes up to `count` addresses from a block: the handle is counted up first, then the block is
 * written; a write that loses a race is undone on the handle and done again on the block as it is now.
 */
async function takeInTurn(
  request: FamilyRequest,
  found: Stored<AllocationBlock>,
  count: number,
  mustBeAffine: boolean,
): Promise<readonly Assigned[]> {
  const { scope, owner } = request;
  const { store, config, host, reservations } = scope;
  const { cidr } = found.value;
  let current: Stored<AllocationBlock> | undefined = found;
  return retrying(`take addresses from block ${cidr}`, async () => {
    current ??= await store.block(cidr, config);
    if (current === undefined) return [];
    const stored = current;
    current = undefined; // a repetition reads it again
    if (mustBeAffine) checkAffinity(stored.value, affinityText(host));
    const taken = autoAssignFrom(stored.value, count, owner, reservations.isReserved);
    if (taken.ips.length === 0) return [];
    const { handleId } = owner;
    if (handleId !== undefined) {
      await incrementHandle(store, handleId, cidr, taken.ips.length, request.maxPerHandle);
    }
    try {
      await store.updateBlock(taken.block, stored.revision);
    } catch (error) {
      if (handleId !== undefined && isRace(error)) await decrementHandle(store, handleId, cidr, taken.ips.length);
      throw error;
    }
    const { prefixLength } = splitCidr(cidr);
    return taken.ips.map((ip) => ({ ip, prefixLength }));
  });
}

/*
 * A batch on paper: what the blocks and handles of a node look like after some requests. Pure; whoever
 * commits it compares the revisions that it was drawn from.
 */
import type { EndpointDraft } from '@calico-node/datastore';
import type { AllocationBlock, IpamHandle } from '@calico-node/model';
import { parseCidr, splitCidr, type Cidr, type Family, type IpAddress } from '@calico-node/net';
import type { Assigned } from '../auto-assign.ts';
import { addressesOfHandle, autoAssignFrom, collectReleased, countFree, releaseFrom, type Cooldown } from '../block.ts';
import { choosePools, poolOf, selectsNode, type Pool } from '../pools.ts';
import type { Stored } from '../store.ts';
import type { BlockClaims, Claim } from './block-claims.ts';
import { withNetworks } from './new-endpoint.ts';
import type { Reference } from './reference.ts';
import { unserved, type WarmAssign, type WarmOutcome } from './requests.ts';

/** A block that is the node's, by an affinity that is confirmed, or that it claims, at revisions of `absent`. */
export interface OwnBlock extends Stored<AllocationBlock> {
  readonly affinityRevision: bigint;
}

/** A block that changes. */
interface BlockChange {
  readonly drawnFrom: OwnBlock;
  readonly pool: Pool;
  /** As it will be. */
  readonly block: AllocationBlock;
}

interface Taking extends BlockChange {
  readonly ips: readonly IpAddress[];
}

type HandleChange =
  { readonly type: 'create'; readonly handle: IpamHandle } | { readonly type: 'delete'; readonly revision: bigint };

export class Draft {
  readonly blocks = new Map<Cidr, BlockChange>();
  readonly handles = new Map<string, HandleChange>();
  /** The endpoints that are created with addresses, by the addresses' handle. */
  readonly endpoints = new Map<string, EndpointDraft>();
  /** The node's blocks, with those that the draft claims. */
  readonly #own: Map<Cidr, OwnBlock>;
  readonly #claims: BlockClaims | undefined;
  readonly #reference: Reference;
  readonly #nodeName: string;
  readonly #cooldown: Cooldown;

  /** Without `claims` it claims no block. */
  constructor(
    own: ReadonlyMap<Cidr, OwnBlock>,
    claims: BlockClaims | undefined,
    reference: Reference,
    nodeName: string,
    cooldown: Cooldown,
  ) {
    this.#own = new Map(own);
    this.#claims = claims;
    this.#reference = reference;
    this.#nodeName = nodeName;
    this.#cooldown = cooldown;
  }

  /** The pools of the changed blocks. */
  get pools(): ReadonlySet<Pool> {
    return new Set([...this.blocks.values()].map(({ pool }) => pool));
  }

  /**
   * Takes all addresses of a request, for a handle that is not stored yet, and for the endpoint: from own blocks, and
   * from one that it claims when these have too few.
   */
  assign(request: WarmAssign, endpoint: EndpointDraft | undefined): WarmOutcome {
    const taken = new Map<Cidr, Taking>();
    for (const [family, wanted] of [[4, request.num4] as const, [6, request.num6] as const]) {
      let missing = wanted;
      const usable = missing === 0 ? [] : this.#usablePools(family, request);
      const take = (cidr: Cidr, pool: Pool, drawnFrom: OwnBlock): void => {
        const { isReserved } = this.#reference.reservations;
        const { block, ips } = autoAssignFrom(this.#current(cidr, drawnFrom), missing, request, isReserved);
        if (ips.length > 0) taken.set(cidr, { drawnFrom, pool, block, ips });
        missing -= ips.length;
      };
      for (const [cidr, own] of this.#own) {
        const pool = missing === 0 ? undefined : poolOf(usable, cidr);
        if (pool !== undefined) take(cidr, pool, own);
      }
      const claim = missing === 0 ? undefined : this.#nextClaim(usable, request);
      if (claim !== undefined) take(claim.cidr, claim.pool, claim.block);
      if (missing > 0) return unserved;
    }
    for (const [cidr, change] of taken) this.#change(cidr, change);
    const counts = [...taken].map(([cidr, { ips }]) => [cidr, ips.length] as const);
    this.handles.set(request.handleId, {
      type: 'create',
      handle: { block: Object.fromEntries(counts), deleted: false },
    });
    const given = (family: Family): Assigned[] =>
      [...taken].flatMap(([cidr, { ips }]) => {
        const parts = splitCidr(cidr);
        return parts.family === family ? ips.map((ip) => ({ ip, prefixLength: parts.prefixLength })) : [];
      });
    const [ipv4, ipv6] = [given(4), given(6)];
    if (endpoint !== undefined) {
      const ips = [...ipv4, ...ipv6].map(({ ip }) => ip);
      this.endpoints.set(request.handleId, withNetworks(endpoint, ips));
    }
    return { type: 'assigned', ipv4, ipv6 };
  }

  /** Claims a block for each family of which own blocks have too few addresses for such a request. */
  claimFor(request: WarmAssign): void {
    for (const [family, wanted] of [[4, request.num4] as const, [6, request.num6] as const]) {
      const usable = wanted === 0 ? [] : this.#usablePools(family, request);
      if (usable.length === 0) continue;
      let free = 0;
      for (const [cidr, own] of this.#own) {
        if (free >= wanted) break;
        if (poolOf(usable, cidr) === undefined) continue;
        free += countFree(this.#current(cidr, own), this.#reference.reservations.isReserved);
      }
      const claim = free >= wanted ? undefined : this.#nextClaim(usable, request);
      if (claim !== undefined) {
        this.#change(claim.cidr, { drawnFrom: claim.block, pool: claim.pool, block: claim.block.value });
      }
    }
  }

  /** Gives back everything that a stored handle holds, when all of it lies in own blocks. */
  release(handleId: string, { value: handle, revision }: Stored<IpamHandle>): WarmOutcome {
    const freed = new Map<Cidr, Taking>();
    for (const cidr of Object.keys(handle.block).map((text) => parseCidr(text))) {
      const drawnFrom = this.#own.get(cidr);
      const pool = poolOf(this.#reference.pools, cidr);
      // A block whose pool no longer serves the node has to be given up when it is empty.
      const isKept = pool !== undefined && selectsNode(pool, { nodeLabels: this.#reference.nodeLabels });
      if (drawnFrom === undefined || !isKept) return unserved;
      const current = this.blocks.get(cidr)?.block ?? drawnFrom.value;
      const requests = addressesOfHandle(current, handleId).map((ip) => ({ ip, handleId }));
      const { block, released: ips } = releaseFrom(current, requests, this.#cooldown);
      freed.set(cidr, { drawnFrom, pool, block, ips });
    }
    for (const [cidr, change] of freed) if (change.ips.length > 0) this.#change(cidr, change);
    this.handles.set(handleId, { type: 'delete', revision });
    return { type: 'released', ips: [...freed.values()].flatMap(({ ips }) => ips) };
  }

  /** A block as it is by now; what has rested long enough is free. */
  #current(cidr: Cidr, { value }: OwnBlock): AllocationBlock {
    return collectReleased(this.blocks.get(cidr)?.block ?? value, this.#cooldown);
  }

  #nextClaim(usable: readonly Pool[], { maxBlocksPerHost = 0 }: WarmAssign): Claim | undefined {
    return this.#claims?.next(usable, this.#own, maxBlocksPerHost);
  }

  #change(cidr: Cidr, { drawnFrom, pool, block }: BlockChange): void {
    this.#own.set(cidr, drawnFrom);
    this.blocks.set(cidr, { drawnFrom, pool, block });
  }

  /** The pools that may serve a request as far as this node can tell alone; none when that takes more. */
  #usablePools(family: Family, { use, ipv4Pools, ipv6Pools, namespaceLabels }: WarmAssign): readonly Pool[] {
    const { pools, nodeLabels } = this.#reference;
    const requested = family === 4 ? ipv4Pools : ipv6Pools;
    const needsNamespace = requested.length === 0 && pools.some(({ namespaceSelector }) => namespaceSelector !== '');
    if (nodeLabels === undefined || (needsNamespace && namespaceLabels === undefined)) return [];
    try {
      const request = { family, use, requested, nodeName: this.#nodeName, nodeLabels, namespaceLabels };
      return choosePools(pools, request).usable;
    } catch {
      return []; // whoever is asked instead says what is wrong
    }
  }
}

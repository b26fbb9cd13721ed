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
import { withNetworks } from './new-endpoint.ts';
import type { Reference } from './reference.ts';
import { unserved, type WarmAssign, type WarmOutcome } from './requests.ts';

/** A block that is the node's, by an affinity that is confirmed. */
export interface OwnBlock extends Stored<AllocationBlock> {
  readonly affinityRevision: bigint;
}

type HandleChange =
  { readonly type: 'create'; readonly handle: IpamHandle } | { readonly type: 'delete'; readonly revision: bigint };

export class Draft {
  /** The changed blocks, as they will be. */
  readonly blocks = new Map<Cidr, AllocationBlock>();
  readonly handles = new Map<string, HandleChange>();
  /** The endpoints that are created with addresses, by the addresses' handle. */
  readonly endpoints = new Map<string, EndpointDraft>();
  /** The pools of the changed blocks. */
  readonly pools = new Set<Pool>();
  readonly #own: ReadonlyMap<Cidr, OwnBlock>;
  readonly #reference: Reference;
  readonly #nodeName: string;
  readonly #cooldown: Cooldown;

  constructor(own: ReadonlyMap<Cidr, OwnBlock>, reference: Reference, nodeName: string, cooldown: Cooldown) {
    this.#own = own;
    this.#reference = reference;
    this.#nodeName = nodeName;
    this.#cooldown = cooldown;
  }

  /** Takes all addresses of a request from own blocks, for a handle that is not stored yet, and for the endpoint. */
  assign(request: WarmAssign, endpoint: EndpointDraft | undefined): WarmOutcome {
    const taken = new Map<Cidr, { block: AllocationBlock; pool: Pool; ips: readonly IpAddress[] }>();
    for (const [family, wanted] of [[4, request.num4] as const, [6, request.num6] as const]) {
      let missing = wanted;
      const usable = missing === 0 ? [] : this.#usablePools(family, request);
      for (const [cidr, own] of this.#own) {
        const pool = missing === 0 ? undefined : poolOf(usable, cidr);
        if (pool === undefined) continue;
        const current = collectReleased(this.blocks.get(cidr) ?? own.value, this.#cooldown);
        const { isReserved } = this.#reference.reservations;
        if (countFree(current, isReserved) === 0) continue;
        const { block, ips } = autoAssignFrom(current, missing, request, isReserved);
        taken.set(cidr, { block, pool, ips });
        missing -= ips.length;
      }
      if (missing > 0) return unserved;
    }
    for (const [cidr, { block, pool }] of taken) this.#change(cidr, block, pool);
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

  /** Whether own blocks have the addresses of such a request; true as well where the node cannot tell alone. */
  hasRoom(request: WarmAssign): boolean {
    return [[4, request.num4] as const, [6, request.num6] as const].every(([family, wanted]) => {
      const usable = wanted === 0 ? [] : this.#usablePools(family, request);
      if (usable.length === 0) return true;
      let free = 0;
      for (const [cidr, own] of this.#own) {
        if (free >= wanted) break;
        if (poolOf(usable, cidr) === undefined) continue;
        const block = collectReleased(this.blocks.get(cidr) ?? own.value, this.#cooldown);
        free += countFree(block, this.#reference.reservations.isReserved);
      }
      return free >= wanted;
    });
  }

  /** Gives back everything that a stored handle holds, when all of it lies in own blocks. */
  release(handleId: string, { value: handle, revision }: Stored<IpamHandle>): WarmOutcome {
    const freed: { cidr: Cidr; block: AllocationBlock; pool: Pool; ips: readonly IpAddress[] }[] = [];
    for (const cidr of Object.keys(handle.block).map((text) => parseCidr(text))) {
      const block = this.blocks.get(cidr) ?? this.#own.get(cidr)?.value;
      const pool = poolOf(this.#reference.pools, cidr);
      // A block whose pool no longer serves the node has to be given up when it is empty.
      const isKept = pool !== undefined && selectsNode(pool, { nodeLabels: this.#reference.nodeLabels });
      if (block === undefined || !isKept) return unserved;
      const requests = addressesOfHandle(block, handleId).map((ip) => ({ ip, handleId }));
      const outcome = releaseFrom(block, requests, this.#cooldown);
      freed.push({ cidr, block: outcome.block, pool, ips: outcome.released });
    }
    for (const { cidr, block, pool, ips } of freed) if (ips.length > 0) this.#change(cidr, block, pool);
    this.handles.set(handleId, { type: 'delete', revision });
    return { type: 'released', ips: freed.flatMap(({ ips }) => ips) };
  }

  #change(cidr: Cidr, block: AllocationBlock, pool: Pool): void {
    this.blocks.set(cidr, block);
    this.pools.add(pool);
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

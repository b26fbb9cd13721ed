import type { Backend, CallOptions } from '@calico-node/datastore';
import { encodeIpamConfig, ipamConfigKey, type AllocationAttribute, type IpamConfig } from '@calico-node/model';
import { cidrContains, cidrOf, familyOf, parseCidr, type Cidr, type Family, type IpAddress } from '@calico-node/net';
import { assignSpecific } from './assign-ip.ts';
import { assignFamily, type Assigned } from './auto-assign.ts';
import type { Scope } from './block-source.ts';
import { attributesAt, cleanHandle, ordinalOf, type Release } from './block.ts';
import { systemClock, type Clock } from './clock.ts';
import { IpamError } from './errors.ts';
import { heldBy } from './handles.ts';
import { claimBlocks, releaseBlocks, releasePool, type ClaimedBlocks, type ReleaseOptions } from './host-blocks.ts';
import { changeOwners, type Owned, type OwnerChange } from './owners.ts';
import { choosePools, poolOf, type ChosenPools, type IntendedUse, type Pool } from './pools.ts';
import { releaseAddresses, releaseHandle } from './release.ts';
import { IpamStore, loadBalancer, type Host } from './store.ts';

export interface AutoAssignRequest {
  /** How many IPv4 and IPv6 addresses. */
  readonly num4?: number | undefined;
  readonly num6?: number | undefined;
  /** Under which name they can be found and released again. */
  readonly handleId?: string | undefined;
  /** Noted with each address: `node`, `pod`, `namespace`, `timestamp`, ... */
  readonly attributes?: Readonly<Record<string, string>> | undefined;
  /** The node whose blocks are used; its Node resource must exist unless the use is LoadBalancer. */
  readonly nodeName: string;
  /** Pools by name or network; any that select the node when empty. */
  readonly ipv4Pools?: readonly string[] | undefined;
  readonly ipv6Pools?: readonly string[] | undefined;
  readonly use: IntendedUse;
  /** The workload's namespace, for pools that select by it. */
  readonly namespace?: string | undefined;
  /** The namespace's labels, where the caller knows them; otherwise its profile tells. */
  readonly namespaceLabels?: Readonly<Record<string, string>> | undefined;
  /** Bounds the node's blocks besides the cluster's own limit; 0 for no bound of its own. */
  readonly maxBlocksPerHost?: number | undefined;
  /** How many addresses of a family the handle may hold. */
  readonly maxPerHandle?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface AutoAssignResult {
  readonly ipv4: readonly Assigned[];
  readonly ipv6: readonly Assigned[];
  /** Why there are fewer than asked for; those that there are stay assigned. */
  readonly shortfall: IpamError | undefined;
}

export interface AssignIpRequest {
  readonly ip: IpAddress;
  readonly nodeName: string;
  readonly handleId?: string | undefined;
  readonly attributes?: Readonly<Record<string, string>> | undefined;
  /** The pool must allow this use; not checked when absent. */
  readonly use?: IntendedUse | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface IpamOptions {
  /** How long one call to the store may take, in milliseconds. */
  readonly timeoutMs?: number;
  /** For tests. */
  readonly clock?: Clock;
}

/**
 * Calico's IP address management: pools cut into blocks, blocks affine to hosts, addresses with owners.
 * All state is in the store and all changes are compare-and-swap, so that any number of these, and of
 * real Calico's, may run at once. No address is ever given twice.
 *
 * Throws `IpamError` for what is refused and `DatastoreError` when the store does not answer.
 */
export class Ipam {
  readonly #backend: Backend;
  readonly #timeoutMs: number | undefined;
  readonly #clock: Clock;

  constructor(backend: Backend, options: IpamOptions = {}) {
    this.#backend = backend;
    this.#timeoutMs = options.timeoutMs;
    this.#clock = options.clock ?? systemClock();
  }

  /**
   * Gives addresses by itself (Calico's documented behaviour).
   * @throws IpamError `no-pool`, `node-unknown`; a shortage is no error but a `shortfall`.
   */
  async autoAssign(request: AutoAssignRequest): Promise<AutoAssignResult> {
    const assigned: Record<Family, readonly Assigned[]> = { 4: [], 6: [] };
    let shortfall: IpamError | undefined;
    for (const { count, scope, chosen: familyPools } of await this.#families(request)) {
      const result = await assignFamily({
        scope,
        chosen: familyPools,
        count,
        owner: { handleId: request.handleId, attributes: request.attributes },
        maxBlocksPerHost: request.maxBlocksPerHost ?? 0,
        maxPerHandle: request.maxPerHandle,
      });
      assigned[scope.family] = result.assigned;
      shortfall ??= result.shortfall;
    }
    return { ipv4: assigned[4], ipv6: assigned[6], shortfall };
  }

  /**
   * Gives one chosen address.
   * @throws IpamError `already-assigned`, `no-pool`, `strict-affinity`
   */
  async assignIp(request: AssignIpRequest): Promise<void> {
    const { ip, nodeName, use, signal } = request;
    const store = this.#store(signal);
    const [config, pools] = await Promise.all([store.config(), store.pools()]);
    const enabled = pools.filter((pool) => pool.isEnabled);
    const pool = poolOf(enabled, ip);
    if (pool === undefined) throw new IpamError('no-pool', `${ip} is not in a configured and enabled IP pool`);
    if (use !== undefined && !pool.allowedUses.includes(use)) {
      throw new IpamError('no-pool', `IP pool ${pool.name} does not allow the use ${use}`);
    }
    await assignSpecific({
      store,
      config,
      clock: this.#clock,
      host: use === 'LoadBalancer' ? loadBalancer : hostOf(nodeName),
      pool,
      ip,
      owner: { handleId: request.handleId, attributes: request.attributes },
    });
  }

  /**
   * Gives addresses back; gives those that nobody held.
   * @throws IpamError `bad-handle`, `bad-sequence-number` when an address has another owner by now.
   */
  async releaseIps(releases: readonly Release[], signal?: AbortSignal): Promise<readonly IpAddress[]> {
    return releaseAddresses(await this.#setting(signal), releases);
  }

  /** Gives back every address of a handle. A handle that holds nothing is well. */
  async releaseByHandle(handleId: string, signal?: AbortSignal): Promise<readonly IpAddress[]> {
    return releaseHandle(await this.#setting(signal), cleanHandle(handleId));
  }

  /** The addresses that a handle holds, each with its block's prefix length. */
  async ipsByHandle(handleId: string, signal?: AbortSignal): Promise<readonly Assigned[]> {
    return heldBy(this.#store(signal), handleId);
  }

  /** Changes who uses the addresses of a handle that outlives its users; gives them all, as they are then. */
  async changeOwners(handleId: string, change: OwnerChange, signal?: AbortSignal): Promise<readonly Owned[]> {
    const store = this.#store(signal);
    return changeOwners(store, await store.config(), handleId, change);
  }

  /**
   * What an assigned address is noted with.
   * @throws IpamError `not-assigned`
   */
  async attributesOf(ip: IpAddress, signal?: AbortSignal): Promise<AllocationAttribute> {
    const { store, config, pools } = await this.#setting(signal);
    const pool = poolOf(pools, ip);
    const block =
      pool === undefined
        ? (await store.blocks(familyOf(ip), config)).find(({ value }) => cidrContains(parseCidr(value.cidr), ip))
        : await store.block(cidrOf(ip, pool.blockSize), config);
    const attribute = block === undefined ? undefined : attributesAt(block.value, ordinalOf(block.value, ip));
    if (attribute === undefined || attribute.releasedAt !== undefined) {
      throw new IpamError('not-assigned', `${ip} is not assigned`);
    }
    return attribute;
  }

  /**
   * Makes every block inside a network a node's.
   * @throws IpamError `no-pool` when it is in no enabled pool, `invalid` when it is smaller than a block.
   */
  async claimAffinity(cidr: Cidr, nodeName: string, signal?: AbortSignal): Promise<ClaimedBlocks> {
    return claimBlocks(await this.#setting(signal), hostOf(nodeName), cidr, this.#clock);
  }

  /**
   * Takes a node's blocks inside a network from it; an address in use stays assigned, another's block as it is.
   * @throws IpamError `block-not-empty` with `mustBeEmpty`, when the others are released.
   */
  async releaseAffinity(cidr: Cidr, nodeName: string, options: ReleaseOptions = {}): Promise<void> {
    await releaseBlocks(await this.#setting(), hostOf(nodeName), cidr, options);
  }

  /**
   * Takes all blocks from a node, or from the load balancers; those in use stay without a host until their last
   * address is released.
   * @throws IpamError `block-not-empty` with `mustBeEmpty`, when the others are released.
   */
  async releaseHostAffinities(owner: string | Host, options: ReleaseOptions = {}): Promise<void> {
    const host = typeof owner === 'string' ? hostOf(owner) : owner;
    await releaseBlocks(await this.#setting(), host, undefined, options);
  }

  /** Takes all blocks of a pool from their hosts, before the pool is deleted. */
  async releasePoolAffinities(pool: Cidr): Promise<void> {
    await releasePool(await this.#setting(), pool);
  }

  /** The cluster's IPAM settings. */
  config(signal?: AbortSignal): Promise<IpamConfig> {
    return this.#store(signal).config();
  }

  /**
   * Sets the cluster's IPAM settings.
   * @throws IpamError `invalid` for a combination that could give no address.
   */
  async setConfig(config: IpamConfig): Promise<void> {
    if (config.strict_affinity !== true && config.auto_allocate_blocks !== true) {
      throw new IpamError('invalid', 'strict affinity and automatic blocks cannot both be off');
    }
    if ((config.maxBlocksPerHost ?? 0) > 0 && config.strict_affinity !== true) {
      throw new IpamError('invalid', 'a limit of blocks per host needs strict affinity');
    }
    await this.#backend.put(ipamConfigKey, encodeIpamConfig(config), { timeoutMs: this.#timeoutMs });
  }

  /** What each family of a request is drawn from. @throws IpamError `no-pool`, `node-unknown` */
  async #families(
    request: AutoAssignRequest,
  ): Promise<readonly { readonly count: number; readonly scope: Scope; readonly chosen: ChosenPools }[]> {
    const { nodeName, use, namespace, signal } = request;
    const store = this.#store(signal);
    const host = use === 'LoadBalancer' ? loadBalancer : hostOf(nodeName);
    const [config, pools, reservations, nodeLabels] = await Promise.all([
      store.config(),
      store.pools(),
      store.reservations(),
      use === 'LoadBalancer' ? noLabels : store.nodeLabels(nodeName),
    ]);
    if (nodeLabels === undefined) {
      throw new IpamError('node-unknown', `there is no Node ${nodeName}: calico-node has not started there`);
    }
    const asksProfile = namespace !== undefined && pools.some((pool) => pool.namespaceSelector !== '');
    const namespaceLabels =
      request.namespaceLabels ?? (asksProfile ? await store.namespaceLabels(namespace) : undefined);
    const requests: readonly (readonly [Family, number, readonly string[]])[] = [
      [4, request.num4 ?? 0, request.ipv4Pools ?? []],
      [6, request.num6 ?? 0, request.ipv6Pools ?? []],
    ];
    return requests
      .filter(([, count]) => count > 0)
      .map(([family, count, requested]) => ({
        count,
        scope: { store, host, config, family, pools, nodeLabels, reservations, clock: this.#clock },
        chosen: choosePools(pools, { family, use, requested, nodeName, nodeLabels, namespaceLabels }),
      }));
  }

  async #setting(signal?: AbortSignal): Promise<{ store: IpamStore; config: IpamConfig; pools: readonly Pool[] }> {
    const store = this.#store(signal);
    const [config, pools] = await Promise.all([store.config(), store.pools()]);
    return { store, config, pools };
  }

  #store(signal: AbortSignal | undefined): IpamStore {
    const options: CallOptions = { signal, timeoutMs: this.#timeoutMs };
    return new IpamStore(this.#backend, options, () => this.#clock.now());
  }
}

const noLabels: Readonly<Record<string, string>> = {};

function hostOf(nodeName: string): Host {
  return { type: 'host', name: nodeName };
}

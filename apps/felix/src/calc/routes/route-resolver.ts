/**
 * Which destinations of the cluster are on which host, and how a packet gets there:
 *
 *   blocks ─► owners of destinations ─┐      (and own endpoints; only endpoints, where RouteSource says so)
 *   pools ──► encapsulation, by CIDR ─┼─► touched destinations ─► one route each, or none
 *   nodes ──► addresses, tunnels ─────┘
 *
 * VXLAN pools have routes here; those of the others come by BGP, unless they are told to be ours.
 */
import { cidrContains, familyOf, PrefixTrie, type Cidr, type NodeName } from '@calico-node/net';
import { Announcer } from '../announcer.ts';
import type {
  HostUpdate,
  OwnerRemove,
  OwnerUpdate,
  PoolUpdate,
  RouteRemove,
  RouteTarget,
  RouteUpdate,
} from '../intents.ts';
import { encapsulationOf } from './encapsulations.ts';
import type { Owner } from './owners.ts';

/** Routes that are Felix's beside those of VXLAN pools (ProgramClusterRoutes). */
export interface ProgrammedRoutes {
  /** Of IPIP pools. */
  readonly ipip: boolean;
  /** Of pools without encapsulation, to nodes in the own subnet. */
  readonly plain: boolean;
}

export class RouteResolver {
  readonly #hostname: NodeName;
  readonly #programs: ProgrammedRoutes;
  readonly #hosts = new Map<string, HostUpdate>();
  readonly #poolsByName = new Map<string, PoolUpdate>();
  /** Pools with the same CIDR, which are a mistake, by name: the first one counts. */
  readonly #pools = new PrefixTrie<Map<string, PoolUpdate>>();
  readonly #bySource = new Map<string, ReadonlyMap<Cidr, Owner>>();
  /**
   * The owner of a destination, by the block or endpoint that says so; a borrower before a block's host,
   * and of borrowers this host, whose own endpoint has the address whatever the block says of it.
   */
  readonly #owners = new PrefixTrie<Map<string, Owner>>();
  readonly #destinationsOf = new Map<NodeName, Set<Cidr>>();
  readonly #changed = new Announcer<Cidr>();
  readonly #tellsOwners: boolean;
  readonly #changedOwners = new Announcer<Cidr>();

  /** @param tellsOwners `takeOwners` will be asked for. */
  constructor(hostname: NodeName, programs: ProgrammedRoutes = { ipip: false, plain: false }, tellsOwners = false) {
    this.#hostname = hostname;
    this.#programs = programs;
    this.#tellsOwners = tellsOwners;
  }

  setHost(name: string, host: HostUpdate | undefined): void {
    if (host === undefined) this.#hosts.delete(name);
    else this.#hosts.set(name, host);
    // Every cross-subnet route asks which subnet is ours.
    const destinations =
      name === this.#hostname
        ? [...this.#destinationsOf.values()].flatMap((each) => [...each])
        : (this.#destinationsOf.get(name as NodeName) ?? []);
    for (const destination of destinations) this.#changed.touch(destination);
  }

  setPool(name: string, pool: PoolUpdate | undefined): void {
    const old = this.#poolsByName.get(name);
    if (old !== undefined) {
      const same = this.#pools.get(old.cidr);
      same?.delete(name);
      if (same?.size === 0) this.#pools.delete(old.cidr);
      this.#touchWithin(old.cidr);
    }
    if (pool === undefined) {
      this.#poolsByName.delete(name);
      return;
    }
    this.#poolsByName.set(name, pool);
    this.#pools.set(pool.cidr, (this.#pools.get(pool.cidr) ?? new Map<string, PoolUpdate>()).set(name, pool));
    this.#touchWithin(pool.cidr);
  }

  /** Takes the word of a block or an endpoint, which `source` tells from the others. */
  setOwners(source: string, owners: ReadonlyMap<Cidr, Owner> = new Map()): void {
    const old = this.#bySource.get(source) ?? new Map<Cidr, Owner>();
    for (const destination of old.keys()) if (!owners.has(destination)) this.#setOwner(source, destination, undefined);
    for (const [destination, owner] of owners) {
      const before = old.get(destination);
      if (before?.host === owner.host && before.isBorrowed === owner.isBorrowed) continue;
      this.#setOwner(source, destination, owner);
    }
    if (owners.size === 0) this.#bySource.delete(source);
    else this.#bySource.set(source, owners);
  }

  /** Who came to have which destination since the last call. */
  takeOwners(): { readonly updates: readonly OwnerUpdate[]; readonly removals: readonly OwnerRemove[] } {
    return this.#changedOwners.take<OwnerUpdate, OwnerRemove>(
      (destination) => {
        const owner = this.#ownerOf(destination);
        return owner === undefined || this.#isSaidOf(destination, owner)
          ? 'gone'
          : { type: 'owner-update', destination, host: owner.host };
      },
      (destination) => ({ type: 'owner-remove', destination }),
    );
  }

  /** What changed since the last call. */
  takeChanges(): { readonly updates: readonly RouteUpdate[]; readonly removals: readonly RouteRemove[] } {
    return this.#changed.take<RouteUpdate, RouteRemove>(
      (destination) => {
        const route = this.#resolve(destination);
        return route === undefined ? 'gone' : { type: 'route-update', destination, route };
      },
      (destination) => ({ type: 'route-remove', destination }),
    );
  }

  #setOwner(source: string, destination: Cidr, owner: Owner | undefined): void {
    const owners = this.#owners.get(destination) ?? new Map<string, Owner>();
    const before = owners.get(source);
    if (before !== undefined && owner?.host !== before.host) {
      owners.delete(source);
      const isHeldOtherwise = [...owners.values()].some(({ host }) => host === before.host);
      if (!isHeldOtherwise) this.#destinationsOf.get(before.host)?.delete(destination);
    }
    if (owner !== undefined) {
      owners.set(source, owner);
      const destinations = this.#destinationsOf.get(owner.host) ?? new Set<Cidr>();
      this.#destinationsOf.set(owner.host, destinations.add(destination));
    }
    if (owners.size === 0) this.#owners.delete(destination);
    else this.#owners.set(destination, owners);
    this.#changed.touch(destination);
    if (!this.#tellsOwners) return;
    this.#changedOwners.touch(destination);
    for (const { cidr } of this.#owners.covered(destination)) this.#changedOwners.touch(cidr);
  }

  #touchWithin(cidr: Cidr): void {
    for (const entry of this.#owners.covered(cidr)) this.#changed.touch(entry.cidr);
  }

  #resolve(destination: Cidr): RouteTarget | undefined {
    const owner = this.#ownerOf(destination);
    const pool = this.#poolOf(destination);
    if (owner === undefined || pool === undefined) return undefined;
    const encapsulation = encapsulationOf(pool);
    const isPlain = encapsulation === undefined;
    if (isPlain && !this.#programs.plain) return undefined;
    const family = familyOf(destination);
    const { host, isBorrowed } = owner;
    // What we have borrowed is on one of our interfaces.
    if (host === this.#hostname) return isBorrowed ? undefined : { kind: 'blackhole' };
    if (encapsulation === 'ipip' && !this.#programs.ipip) return undefined;
    const remote = this.#hosts.get(host);
    const address = family === 4 ? remote?.ipv4 : remote?.ipv6;
    if (remote === undefined || address === undefined) return undefined;
    if (isPlain || pool.ipipMode === 'CrossSubnet' || pool.vxlanMode === 'CrossSubnet') {
      const own = this.#hosts.get(this.#hostname);
      const subnet = family === 4 ? own?.ipv4Subnet : own?.ipv6Subnet;
      if (subnet !== undefined && cidrContains(subnet, address)) return { kind: 'direct', host, gateway: address };
    }
    if (isPlain) return undefined;
    if (encapsulation === 'ipip') return { kind: 'ipip', host, gateway: address };
    const endpoint = family === 4 ? remote.vxlan4 : remote.vxlan6;
    return endpoint && { kind: 'vxlan', host, gateway: endpoint.address };
  }

  /** Whether a wider destination says it already: most addresses of own endpoints lie in own blocks. */
  #isSaidOf(destination: Cidr, { host, isBorrowed }: Owner): boolean {
    if (host !== this.#hostname || !isBorrowed) return false;
    const wider = [...this.#owners.covering(destination)].findLast(({ cidr }) => cidr !== destination);
    return wider !== undefined && this.#ownerOf(wider.cidr)?.host === host;
  }

  #ownerOf(destination: Cidr): Owner | undefined {
    const owners = [...(this.#owners.get(destination) ?? [])]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, owner]) => owner);
    const borrowers = owners.filter(({ isBorrowed }) => isBorrowed);
    return borrowers.find(({ host }) => host === this.#hostname) ?? borrowers[0] ?? owners[0];
  }

  #poolOf(destination: Cidr): PoolUpdate | undefined {
    const [first] = [...(this.#pools.lookup(destination)?.value ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
    return first?.[1];
  }
}

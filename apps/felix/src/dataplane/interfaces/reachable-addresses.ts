import { cidrContains, familyOf, splitCidr, type Cidr, type IpAddress, type NodeName } from '@calico-node/net';
import type { WorkloadEndpointId } from '../../calc/endpoint-id.ts';
import type { HostUpdate, Intent } from '../../calc/intents.ts';
import { NodeRing } from '../../kubernetes/node-ring.ts';
import type { Moves } from './migration-routing.ts';

/**
 * Which addresses this host answers for where they lie in a subnet of its own: those of its workloads, and of services'
 * addresses outside the cluster the share that falls to this node. Both only where they are of a pool without tunnels,
 * as in Calico: others are reached through the tunnel. The host that a virtual machine is moved to answers for it, not the
 * one that it leaves.
 */
export class ReachableAddresses {
  readonly #hostname: NodeName;
  readonly #workloads = new Map<WorkloadEndpointId, readonly IpAddress[]>();
  /** Those that leave this host. */
  #leaving: ReadonlySet<WorkloadEndpointId> = new Set();
  /** Pools whose traffic is not encapsulated. */
  readonly #pools = new Map<string, Cidr>();
  readonly #rings = { 4: new NodeRing(), 6: new NodeRing() } as const;
  #services: readonly IpAddress[] = [];

  constructor(hostname: NodeName) {
    this.#hostname = hostname;
  }

  /** Gives whether anything may be different now. */
  update(intents: readonly Intent[]): boolean {
    const changes = intents.filter((intent) => this.#take(intent));
    return changes.length > 0;
  }

  /** All addresses of services outside the cluster. */
  setServices(addresses: readonly IpAddress[]): void {
    this.#services = addresses;
  }

  /** All moves of virtual machines, as they are now. Gives whether anything may be different now. */
  setMoves(moves: Moves): boolean {
    const ids = [...this.#workloads.keys()];
    const leaving = new Set(ids.filter((id) => moves.isSource(id) && !moves.targets.has(id)));
    const isSame = leaving.symmetricDifference(this.#leaving).size === 0;
    this.#leaving = leaving;
    return !isSame;
  }

  get workloads(): readonly IpAddress[] {
    const staying = [...this.#workloads].filter(([id]) => !this.#leaving.has(id));
    return staying.flatMap(([, addresses]) => addresses).filter((ip) => this.#isPlain(ip));
  }

  get services(): readonly IpAddress[] {
    return this.#services.filter((ip) => this.#isPlain(ip) && this.#isOwn(ip));
  }

  #take(intent: Intent): boolean {
    switch (intent.type) {
      case 'workload-endpoint-update': {
        const { adminUp, addresses } = intent.endpoint;
        this.#workloads.set(intent.id, adminUp ? addresses.map((cidr) => splitCidr(cidr).ip) : []);
        return true;
      }
      case 'workload-endpoint-remove':
        return this.#workloads.delete(intent.id);
      case 'pool-update':
        if (intent.ipipMode === 'Never' && intent.vxlanMode === 'Never') this.#pools.set(intent.name, intent.cidr);
        else this.#pools.delete(intent.name);
        return true;
      case 'pool-remove':
        return this.#pools.delete(intent.name);
      case 'host-update':
        this.#place(intent);
        return true;
      case 'host-remove':
        for (const ring of Object.values(this.#rings)) ring.delete(intent.hostname);
        return true;
      default:
        return false;
    }
  }

  /** A node without an address of a family has no services of it. */
  #place({ hostname, ipv4, ipv6 }: HostUpdate): void {
    for (const [ring, ip] of [[this.#rings[4], ipv4] as const, [this.#rings[6], ipv6] as const]) {
      if (ip === undefined) ring.delete(hostname);
      else ring.add(hostname);
    }
  }

  #isPlain(ip: IpAddress): boolean {
    return [...this.#pools.values()].some((pool) => cidrContains(pool, ip));
  }

  #isOwn(ip: IpAddress): boolean {
    return this.#rings[familyOf(ip)].ownerOf(ip) === this.#hostname;
  }
}

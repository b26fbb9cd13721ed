import type { Cidr } from '@calico-node/net';
import type { WorkloadEndpointId } from '../../calc/endpoint-id.ts';
import type { LocalWorkloadEndpoint } from '../../calc/intents.ts';

/** An endpoint that has its interface for itself. */
export interface Owner {
  readonly id: WorkloadEndpointId;
  readonly endpoint: LocalWorkloadEndpoint;
}

/** What a change of one endpoint may have given to somebody else. */
export interface Touched {
  readonly interfaces: ReadonlySet<string>;
  readonly destinations: ReadonlySet<Cidr>;
}

/** Who claims something, the lowest id first. */
class Claimants<K> {
  readonly #ids = new Map<K, readonly WorkloadEndpointId[]>();

  of(key: K): readonly WorkloadEndpointId[] {
    return this.#ids.get(key) ?? [];
  }

  keys(): Iterable<K> {
    return this.#ids.keys();
  }

  add(key: K, id: WorkloadEndpointId): void {
    this.#ids.set(key, [...this.of(key), id].sort());
  }

  remove(key: K, id: WorkloadEndpointId): void {
    const left = this.of(key).filter((other) => other !== id);
    if (left.length === 0) this.#ids.delete(key);
    else this.#ids.set(key, left);
  }
}

/**
 * Which interface, and which address, belongs to which endpoint. The lowest id wins a conflict, as in Calico, so that
 * the outcome does not depend on the order in which endpoints came. An endpoint that is down by its administrator
 * keeps its interface and has no addresses; nor has one whose interface is another's. What a change costs depends on
 * who shares an interface or an address with the endpoint, not on how many there are.
 */
export class EndpointClaims {
  readonly #endpoints = new Map<WorkloadEndpointId, LocalWorkloadEndpoint>();
  readonly #interfaces = new Claimants<string>();
  readonly #destinations = new Claimants<Cidr>();

  get(id: WorkloadEndpointId): LocalWorkloadEndpoint | undefined {
    return this.#endpoints.get(id);
  }

  /** Interfaces that endpoints name. */
  interfaces(): Iterable<string> {
    return this.#interfaces.keys();
  }

  /** Addresses that endpoints have. */
  destinations(): Iterable<Cidr> {
    return this.#destinations.keys();
  }

  /** Puts an endpoint in the place of what it was; `undefined` removes it. */
  set(id: WorkloadEndpointId, endpoint: LocalWorkloadEndpoint | undefined): Touched {
    const before = this.#endpoints.get(id);
    const interfaces = new Set([before, endpoint].flatMap((state) => state?.interfaceName ?? []));
    // Whoever gets or loses an interface gets or loses the addresses too.
    const sharers = [...interfaces].flatMap((name) => this.#interfaces.of(name).map((other) => this.get(other)));
    const destinations = new Set([...sharers, before, endpoint].flatMap((state) => state?.addresses ?? []));
    if (before !== undefined) {
      this.#interfaces.remove(before.interfaceName, id);
      for (const destination of before.addresses) this.#destinations.remove(destination, id);
      this.#endpoints.delete(id);
    }
    if (endpoint !== undefined) {
      this.#interfaces.add(endpoint.interfaceName, id);
      for (const destination of new Set(endpoint.addresses)) this.#destinations.add(destination, id);
      this.#endpoints.set(id, endpoint);
    }
    return { interfaces, destinations };
  }

  /** Whose state may follow an interface's. */
  claimantsOfInterface(name: string): readonly WorkloadEndpointId[] {
    return this.#interfaces.of(name);
  }

  /** Whose state may follow a route's. */
  claimantsOfAddress(destination: Cidr): readonly WorkloadEndpointId[] {
    return this.#destinations.of(destination);
  }

  ownerOf(interfaceName: string): Owner | undefined {
    const [id] = this.#interfaces.of(interfaceName);
    const endpoint = id === undefined ? undefined : this.#endpoints.get(id);
    return id === undefined || endpoint === undefined ? undefined : { id, endpoint };
  }

  /** Whether whose the interface is has BGP sessions with the node. */
  isBgpPeer(interfaceName: string): boolean {
    const { peeringAddresses = [] } = this.ownerOf(interfaceName)?.endpoint ?? {};
    return peeringAddresses.length > 0;
  }

  /** To whom an address is routed. */
  holderOf(destination: Cidr): Owner | undefined {
    for (const id of this.#destinations.of(destination)) {
      const endpoint = this.#endpoints.get(id);
      const isServed = endpoint?.adminUp === true && this.#interfaces.of(endpoint.interfaceName)[0] === id;
      if (isServed) return { id, endpoint };
    }
    return undefined;
  }

  /** What the endpoint lost to another, in words. */
  lossOf(id: WorkloadEndpointId): string | undefined {
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined) return undefined;
    const owner = this.ownerOf(endpoint.interfaceName)?.id;
    if (owner !== undefined && owner !== id) return `interface ${endpoint.interfaceName} belongs to ${owner}`;
    if (!endpoint.adminUp) return undefined;
    for (const destination of endpoint.addresses) {
      const holder = this.holderOf(destination)?.id;
      if (holder !== undefined && holder !== id) return `address ${destination} belongs to ${holder}`;
    }
    return undefined;
  }
}

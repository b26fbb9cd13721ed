import { parseWorkloadEndpointName, type HostEndpoint, type Resource, type WorkloadEndpoint } from '@calico-node/model';
import { familyOf, splitCidr, type Family, type IpAddress } from '@calico-node/net';
import type { FlowEnd } from '../flow-decision.ts';
import { isWildcard, policyEndpointOf } from '../flow-node.ts';
import type { PolicyEndpoint } from '../endpoint.ts';
import { memberOfHostEndpoint, memberOfWorkloadEndpoint } from '../members.ts';
import type { MemberPort } from '../world.ts';
import type { ClusterNodes } from './cluster-nodes.ts';

/** Somebody that traffic comes from or goes to. */
export interface Party {
  /** What a reader calls it. */
  readonly name: string;
  /** One of each family that it has, which stands for all of them. */
  readonly addresses: Readonly<Partial<Record<Family, IpAddress>>>;
  readonly ports: readonly MemberPort[];
  readonly end: FlowEnd;
  /** Equal for endpoints that no selector can tell apart. */
  readonly likeness: string;
  /** It is in the other world alone: nothing comes from it, nothing gets to it. */
  readonly isAbsent?: true;
}

/** What makes parties of one world's endpoints; only relevant labels tell them apart. */
export class PartyMaker {
  readonly #nodes: ClusterNodes;
  readonly #isRelevant: (label: string) => boolean;

  constructor(nodes: ClusterNodes, isRelevant: (label: string) => boolean) {
    this.#nodes = nodes;
    this.#isRelevant = isRelevant;
  }

  workload(resource: WorkloadEndpoint): Party {
    const { metadata, spec } = resource;
    const { labels, profiles, nets, ports } = memberOfWorkloadEndpoint(resource);
    const workload = parseWorkloadEndpointName(metadata.name)?.workload ?? metadata.name;
    const name = `${metadata.namespace ?? ''}/${workload}`;
    const endpoint = { kind: 'workload', name, labels, profiles } as const;
    const node = this.#nodes.get(spec.node ?? '');
    return {
      name,
      addresses: firstOfEach(nets.map((net) => splitCidr(net).ip)),
      ports,
      end: { attachment: { type: 'workload', endpoint }, node },
      likeness: JSON.stringify([
        metadata.namespace,
        spec.serviceAccountName,
        profiles,
        this.#relevant(metadata.labels),
        this.#likenessOf(node.uplink),
        this.#likenessOf(node.wildcard),
      ]),
    };
  }

  host(resource: HostEndpoint): Party {
    const { name } = resource.metadata;
    const { ports, nets } = memberOfHostEndpoint(resource);
    const { node = '' } = resource.spec;
    const own = nets.map((net) => splitCidr(net).ip);
    const endpoint = isWildcard(resource) ? undefined : policyEndpointOf(resource);
    return this.#hostParty(name, node, own.length > 0 ? own : this.#nodes.addressesOf(node), ports, endpoint);
  }

  /** The host that the endpoint is of, in a world without that endpoint. */
  hostWithout(resource: HostEndpoint, { name, addresses }: Party): Party {
    const { node = '' } = resource.spec;
    const { uplink } = this.#nodes.get(node);
    const known = Object.values(addresses);
    return { ...this.#hostParty(resource.metadata.name, node, known, [], uplink), name };
  }

  #hostParty(
    name: string,
    nodeName: string,
    addresses: readonly IpAddress[],
    ports: readonly MemberPort[],
    endpoint: PolicyEndpoint | undefined,
  ): Party {
    const node = this.#nodes.get(nodeName);
    const covering = endpoint === undefined ? {} : { endpoint };
    return {
      name: `host ${name}`,
      addresses: firstOfEach(addresses),
      ports,
      end: { attachment: { type: 'host', name, ...covering }, node },
      likeness: JSON.stringify(['host', this.#likenessOf(endpoint), this.#likenessOf(node.wildcard)]),
    };
  }

  #likenessOf(endpoint: PolicyEndpoint | undefined): unknown {
    if (endpoint === undefined) return null;
    const { labels, profiles } = endpoint;
    return [
      profiles,
      labels instanceof Map ? this.#relevant(Object.fromEntries(labels as ReadonlyMap<string, string>)) : endpoint.name,
    ];
  }

  #relevant(labels: Readonly<Record<string, string>> = {}): unknown {
    return Object.entries(labels)
      .filter(([label]) => this.#isRelevant(label))
      .sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

/** A party as it is before and after a change. */
export interface PartyPair {
  readonly before: Party;
  readonly after: Party;
}

/**
 * The endpoints of both worlds, by their identity. A workload that is in one of them alone is absent from the other; a
 * host is there all the same, with no policy of that endpoint. Throws NetParseError.
 */
export function endpointParties(
  before: Iterable<Resource>,
  after: Iterable<Resource>,
  makers: { readonly before: PartyMaker; readonly after: PartyMaker },
): readonly PartyPair[] {
  const [earlier, later] = [endpointsById(before), endpointsById(after)];
  return [...new Set([...earlier.keys(), ...later.keys()])].flatMap((id): PartyPair[] => {
    const [then, now] = [earlier.get(id), later.get(id)];
    const [first, second] = [then && partyOf(then, makers.before), now && partyOf(now, makers.after)];
    if (first !== undefined && second !== undefined) return [{ before: first, after: second }];
    if (now !== undefined && second !== undefined)
      return [{ before: withoutIt(now, second, makers.before), after: second }];
    if (then !== undefined && first !== undefined)
      return [{ before: first, after: withoutIt(then, first, makers.after) }];
    return [];
  });
}

type Endpoint = WorkloadEndpoint | HostEndpoint;

function endpointsById(resources: Iterable<Resource>): ReadonlyMap<string, Endpoint> {
  const endpoints = new Map<string, Endpoint>();
  for (const resource of resources) {
    if (resource.kind !== 'WorkloadEndpoint' && resource.kind !== 'HostEndpoint') continue;
    const { name, namespace = '' } = resource.metadata;
    endpoints.set(`${resource.kind} ${namespace}/${name}`, resource);
  }
  return endpoints;
}

function partyOf(resource: Endpoint, maker: PartyMaker): Party {
  return resource.kind === 'WorkloadEndpoint' ? maker.workload(resource) : maker.host(resource);
}

function withoutIt(resource: Endpoint, party: Party, other: PartyMaker): Party {
  return resource.kind === 'WorkloadEndpoint' ? { ...party, isAbsent: true } : other.hostWithout(resource, party);
}

function firstOfEach(addresses: readonly IpAddress[]): Party['addresses'] {
  const found: Partial<Record<Family, IpAddress>> = {};
  for (const ip of addresses) found[familyOf(ip)] ??= ip;
  return found;
}

/** Who a flow's ends are, by name or address, among all endpoints and nodes of the cluster. */
import { parseResourceKey, parseWorkloadEndpointName, type HostEndpoint } from '@calico-node/model';
import {
  cidrContains,
  familyOf,
  parseIp,
  splitCidr,
  tryParseCidr,
  tryParseIp,
  type IpAddress,
  type NodeName,
} from '@calico-node/net';
import {
  flowNodeOf,
  isWildcard,
  outside,
  policyEndpointOf,
  type FlowEnd,
  type PolicyPacket,
} from '@calico-node/policy';
import type { CalcGraph } from '../calc/calc-graph.ts';
import { ExplainError } from './explain-error.ts';

export type EndsGraph = Pick<CalcGraph, 'rules' | 'items' | 'hosts'>;

/** What this node's kernel and endpoints say of addresses, beside what the cluster's resources do. */
export interface OwnAddresses {
  readonly hostname: NodeName;
  /** Whether a process of this host has it. */
  readonly isLocal: (ip: IpAddress) => boolean;
  /** The address of a local workload that the floating one stands for. */
  readonly floatingTarget: (ip: IpAddress) => IpAddress | undefined;
}

/** A flow's end, with what it was asked for by. */
export interface NamedEnd extends FlowEnd {
  readonly text: string;
  /** Without those of families that it has no use for. */
  readonly addresses: readonly IpAddress[];
  /** The address that it was sent to, where that is translated to another. */
  readonly floating?: IpAddress;
}

/** As many names as a reader of an error looks at. */
const MAX_OFFERED = 5;

interface Candidate extends NamedEnd {
  /** How to ask for it alone. */
  readonly name: string;
}

/** Finds ends in what the graph holds. */
export class FlowEnds {
  readonly #graph: EndsGraph;
  readonly #own: OwnAddresses;
  readonly #hostEndpoints: readonly HostEndpoint[];

  constructor(graph: EndsGraph, own: OwnAddresses) {
    this.#graph = graph;
    this.#own = own;
    this.#hostEndpoints = graph.rules().hostEndpoints;
  }

  /** By name or address; an address that nobody has is outside. Throws ExplainError. */
  find(text: string): NamedEnd {
    const ip = tryParseIp(text);
    if (ip !== undefined) return this.at(ip, text);
    const found = [...this.#workloads(({ names }) => names.includes(text)), ...this.#hostEndpointsCalled(text)];
    const known = found.length === 0 ? this.#hostsCalled(text) : found;
    return onlyOne(known, text) ?? this.#refuseUnknown(text);
  }

  /** Who has the address. Throws ExplainError. */
  at(ip: IpAddress, text: string = ip): NamedEnd {
    const workloads = [...this.#workloads(({ holds }) => holds(ip))].map((end) => ({ ...end, text, addresses: [ip] }));
    const workload = onlyOne(workloads, text);
    if (workload !== undefined) return workload;
    const node = this.#nodeWith(ip);
    if (node !== undefined) return { ...this.#hostOf(node, [ip]), text, addresses: [ip] };
    const target = this.#own.floatingTarget(ip);
    if (target !== undefined) return { ...this.at(target, text), floating: ip };
    return { ...outside, text, addresses: [ip] };
  }

  *#workloads(
    isWanted: (endpoint: { readonly names: readonly string[]; readonly holds: (ip: IpAddress) => boolean }) => boolean,
  ): Generator<Candidate> {
    for (const [key, { nets, labels, profiles }] of this.#graph.items) {
      const resource = parseResourceKey(key);
      if (resource?.kind !== 'WorkloadEndpoint') continue;
      const { name: own, namespace = '' } = resource;
      const holds = (ip: IpAddress): boolean => nets.some((net) => cidrContains(net, ip));
      const { node, names } = namesOf(own, namespace);
      if (!isWanted({ names, holds })) continue;
      const name = `${namespace}/${own}`;
      const endpoint = { kind: 'workload', name, labels, profiles } as const;
      const addresses = nets.map((net) => splitCidr(net).ip);
      yield { name, text: name, attachment: { type: 'workload', endpoint }, node: this.#flowNode(node), addresses };
    }
  }

  *#hostEndpointsCalled(text: string): Generator<Candidate> {
    for (const resource of this.#hostEndpoints) {
      const { metadata, spec } = resource;
      if (metadata.name !== text) continue;
      const { node = '', expectedIPs = [] } = spec;
      const host = this.#hostOf(node, []);
      const endpoint = isWildcard(resource) ? {} : { endpoint: policyEndpointOf(resource) };
      const addresses = expectedIPs.length > 0 ? expectedIPs.map((each) => parseIp(each)) : this.#addressesOf(node);
      yield { ...host, attachment: { type: 'host', name: text, ...endpoint }, addresses, name: text, text };
    }
  }

  #hostsCalled(text: string): readonly Candidate[] {
    const isKnown = [...this.#graph.hosts].some(({ hostname }) => hostname === text);
    return isKnown ? [{ ...this.#hostOf(text, []), addresses: this.#addressesOf(text), name: text, text }] : [];
  }

  /** A process of a node, behind the interface that has one of the addresses. */
  #hostOf(node: string, addresses: readonly IpAddress[]): FlowEnd {
    const flowNode = this.#flowNode(node, addresses);
    const { uplink } = flowNode;
    const endpoint = uplink === undefined ? {} : { endpoint: uplink };
    return { attachment: { type: 'host', name: node, ...endpoint }, node: flowNode };
  }

  #flowNode(name: string, addresses: readonly IpAddress[] = []): NonNullable<FlowEnd['node']> {
    return flowNodeOf(name, this.#hostEndpoints, addresses.length > 0 ? addresses : this.#addressesOf(name));
  }

  #addressesOf(node: string): readonly IpAddress[] {
    const host = [...this.#graph.hosts].find(({ hostname }) => hostname === node);
    return [host?.ipv4, host?.ipv6].filter((ip) => ip !== undefined);
  }

  #refuseUnknown(text: string): never {
    const isNetwork = tryParseCidr(text) !== undefined;
    const near = isNetwork ? [] : this.#namesLike(text.toLowerCase());
    throw new ExplainError(
      'unknown-endpoint',
      isNetwork
        ? `"${text}" is a network: ask for one of its addresses`
        : `no endpoint or node is called "${text}", and it is no address; ${near.length === 0 ? '`calicoctl get workloadendpoints --all-namespaces -o wide`, `hostendpoints` and `nodes` list what there is' : `there is ${near.join(', ')}`}`,
    );
  }

  /** Some names that the text is a part of, or that are a part of it. */
  #namesLike(text: string): readonly string[] {
    const near = new Set<string>();
    const offer = (name: string, whole = name): void => {
      const lower = name.toLowerCase();
      if (lower.includes(text) || (lower.length > 2 && text.includes(lower))) near.add(whole);
    };
    for (const key of this.#graph.items.keys()) {
      if (near.size > MAX_OFFERED) break;
      const resource = parseResourceKey(key);
      if (resource?.kind !== 'WorkloadEndpoint') continue;
      const { name, namespace = '' } = resource;
      const workload = parseWorkloadEndpointName(name)?.workload ?? name;
      offer(text.includes('/') ? `${namespace}/${workload}` : workload, `${namespace}/${workload}`);
    }
    for (const { metadata } of this.#hostEndpoints) offer(metadata.name);
    for (const { hostname } of this.#graph.hosts) offer(hostname);
    return [...near].sort().slice(0, MAX_OFFERED);
  }

  #nodeWith(ip: IpAddress): string | undefined {
    const expecting = this.#hostEndpoints.find(({ spec }) => spec.expectedIPs?.some((each) => tryParseIp(each) === ip));
    if (expecting?.spec.node !== undefined) return expecting.spec.node;
    for (const { hostname, ipv4, ipv6 } of this.#graph.hosts) if (ip === ipv4 || ip === ipv6) return hostname;
    return this.#own.isLocal(ip) ? this.#own.hostname : undefined;
  }
}

/** The addresses that a packet from one to the other has: IPv4 where both ends have it. Throws ExplainError. */
export function commonAddresses(from: NamedEnd, to: NamedEnd): Pick<PolicyPacket, 'family' | 'source' | 'destination'> {
  for (const { addresses, text } of [from, to]) {
    if (addresses.length > 0) continue;
    throw new ExplainError('no-address', `"${text}" has no address that is known here: ask by its address instead`);
  }
  for (const family of [4, 6] as const) {
    const source = from.addresses.find((ip) => familyOf(ip) === family);
    const destination = to.addresses.find((ip) => familyOf(ip) === family);
    if (source !== undefined && destination !== undefined) return { family, source, destination };
  }
  throw new ExplainError('no-common-family', `"${from.text}" and "${to.text}" have no address of the same family`);
}

function onlyOne<T extends Candidate>(found: Iterable<T>, text: string): T | undefined {
  const [only, ...others] = found;
  if (only === undefined || others.length === 0) return only;
  const names = [only, ...others].map(({ name }) => name).sort();
  throw new ExplainError('ambiguous-endpoint', `"${text}" is several endpoints: ${names.join(', ')}`);
}

function namesOf(name: string, namespace: string): { readonly node: string; readonly names: readonly string[] } {
  const parsed = parseWorkloadEndpointName(name);
  const short = parsed === undefined ? [name] : [name, parsed.workload];
  return { node: parsed?.node ?? '', names: [...short, ...short.map((each) => `${namespace}/${each}`)] };
}

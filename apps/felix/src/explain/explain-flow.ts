import { parseResourceKey, parseWorkloadEndpointName } from '@calico-node/model';
import { cidrContains, familyOf, splitCidr, tryParseIp, type IpAddress } from '@calico-node/net';
import {
  decideFlow,
  enforceStaged,
  outside,
  type FlowAttachment,
  type Member,
  type NodePolicy,
  type PacketDecision,
  type PolicyPacket,
  type PolicyWorld,
  type ServiceEndpoint,
} from '@calico-node/policy';
import type { CalcGraph } from '../calc/calc-graph.ts';
import { namedPortProtocols } from '../calc/ip-set.ts';
import type { LabelledItem } from '../calc/ip-set-index.ts';

export type ExplainGraph = Pick<CalcGraph, 'rules' | 'items' | 'endpointsOf' | 'serviceCidrs'>;

/** A connection to explain; each end an address, or a workload endpoint by name. */
export interface Flow {
  readonly from: string;
  readonly to: string;
  readonly header: Omit<PolicyPacket, 'family' | 'source' | 'destination'>;
}

export interface Explanation extends PacketDecision {
  readonly packet: PolicyPacket;
  /** If every staged policy were enforced; absent where none has a say. */
  readonly stagedVerdict?: PacketDecision['verdict'];
}

/** The question has no one answer; `code` is closed. */
export class ExplainError extends Error {
  override readonly name = 'ExplainError';
  readonly code: 'unknown-endpoint' | 'ambiguous-endpoint' | 'no-common-family' | 'elsewhere';

  constructor(code: ExplainError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * What policy says of a new connection, by the resources that the graph holds now. Both ends' policy is asked, on
 * whichever nodes they are; an address that no endpoint has is outside, where policy has no say. A host endpoint is
 * known by its name or by one of its expected addresses. Throws ExplainError.
 */
export function explainFlow(graph: ExplainGraph, node: NodePolicy, flow: Flow): Explanation {
  const { from, to, packet } = readFlow(graph, flow);
  const world = worldOf(graph);
  const ask = (asked: PolicyWorld): PacketDecision => decideFlow(asked, node, from.attachment, to.attachment, packet);
  const decision = ask(world);
  const isStaged = [...world.policies].some(({ kind }) => kind.startsWith('Staged'));
  return { ...decision, packet, ...(isStaged ? { stagedVerdict: ask(enforceStaged(world)).verdict } : {}) };
}

/** A flow's ends, and the first packet that goes from one to the other. Throws ExplainError. */
export function readFlow(
  graph: Pick<ExplainGraph, 'items'>,
  flow: Flow,
): { readonly from: FlowEnd; readonly to: FlowEnd; readonly packet: PolicyPacket } {
  const from = findEnd(graph, flow.from);
  const to = findEnd(graph, flow.to);
  return { from, to, packet: { ...flow.header, ...commonAddresses(from, to) } };
}

export interface FlowEnd {
  readonly text: string;
  /** Where the node's network ends: a host endpoint's interface, with a process of the host behind it. */
  readonly attachment: FlowAttachment;
  readonly addresses: readonly IpAddress[];
}

/** By name or address. Throws ExplainError. */
export function findEnd({ items }: Pick<ExplainGraph, 'items'>, text: string): FlowEnd {
  const ip = tryParseIp(text);
  const found: (FlowEnd & { readonly name: string })[] = [];
  for (const [key, item] of items) {
    const resource = parseResourceKey(key);
    if (resource?.kind !== 'WorkloadEndpoint' && resource?.kind !== 'HostEndpoint') continue;
    const { kind, name, namespace = '' } = resource;
    const names = kind === 'HostEndpoint' ? [name] : namesOf(name, namespace);
    const isIt = ip === undefined ? names.includes(text) : item.nets.some((net) => cidrContains(net, ip));
    if (!isIt) continue;
    const addresses = ip === undefined ? item.nets.map((net) => splitCidr(net).ip) : [ip];
    const { labels, profiles } = item;
    if (kind === 'HostEndpoint') {
      const endpoint = { kind: 'host', name, labels, profiles } as const;
      found.push({ name, text, attachment: { type: 'host-interface', interfaceName: name, endpoint }, addresses });
    } else {
      const endpoint = { kind: 'workload', name: `${namespace}/${name}`, labels, profiles } as const;
      found.push({ name: endpoint.name, text, attachment: { type: 'workload', endpoint }, addresses });
    }
  }
  const [only, ...others] = found;
  if (others.length > 0) {
    const names = found.map(({ name }) => name).sort();
    throw new ExplainError('ambiguous-endpoint', `"${text}" is several endpoints: ${names.join(', ')}`);
  }
  if (only !== undefined) return only;
  if (ip === undefined) throw new ExplainError('unknown-endpoint', `no endpoint is called "${text}"`);
  return { text, attachment: outside, addresses: [ip] };
}

function namesOf(name: string, namespace: string): readonly string[] {
  const workload = parseWorkloadEndpointName(name)?.workload;
  const short = workload === undefined ? [name] : [name, workload];
  return [...short, ...short.map((each) => `${namespace}/${each}`)];
}

/** IPv4 where both ends have it. */
function commonAddresses(from: FlowEnd, to: FlowEnd): Pick<PolicyPacket, 'family' | 'source' | 'destination'> {
  for (const family of [4, 6] as const) {
    const source = from.addresses.find((ip) => familyOf(ip) === family);
    const destination = to.addresses.find((ip) => familyOf(ip) === family);
    if (source !== undefined && destination !== undefined) return { family, source, destination };
  }
  throw new ExplainError('no-common-family', `"${from.text}" and "${to.text}" have no address of the same family`);
}

/** The world that the graph holds. */
export function worldOf(graph: ExplainGraph): PolicyWorld {
  const { tiers, policies, profiles } = graph.rules();
  const byName = new Map(profiles.map((profile) => [profile.metadata.name, profile]));
  const held = new Map<IpAddress, readonly Member[]>();
  const membersAt = (ip: IpAddress): readonly Member[] => {
    const known = held.get(ip);
    if (known !== undefined) return known;
    const members = [...graph.items.values()]
      .filter(({ nets }) => nets.some((net) => cidrContains(net, ip)))
      .map(memberOf);
    held.set(ip, members);
    return members;
  };
  const serviceEndpoints = (namespace: string, name: string): readonly ServiceEndpoint[] =>
    [...graph.endpointsOf(`${namespace}/${name}`)].flatMap(({ addresses, ports }) => {
      const numbered = ports.map(({ protocol, port }) => ({ protocol: namedPortProtocols[protocol], port }));
      return addresses.map((ip) => ({ ip, ports: numbered }));
    });
  return {
    tiers,
    policies,
    profile: (name) => byName.get(name),
    membersAt,
    serviceEndpoints,
    serviceCidrs: graph.serviceCidrs,
  };
}

function memberOf({ labels, profiles, nets, ports }: LabelledItem): Member {
  const numbered = ports.map(({ name, protocol, port }) => ({ name, protocol: namedPortProtocols[protocol], port }));
  return { labels, profiles, nets, ports: numbered };
}

import { cidrContains, type Family, type IpAddress } from '@calico-node/net';
import {
  decideFlow,
  enforceStaged,
  type Member,
  type NodePolicy,
  type PacketDecision,
  type PolicyPacket,
  type PolicyWorld,
  type SentTo,
  type ServiceEndpoint,
} from '@calico-node/policy';
import type { CalcGraph } from '../calc/calc-graph.ts';
import { namedPortProtocols } from '../calc/ip-set.ts';
import type { LabelledItem } from '../calc/ip-set-index.ts';
import { ExplainError } from './explain-error.ts';
import { commonAddresses, FlowEnds, type NamedEnd, type OwnAddresses } from './flow-ends.ts';

export type ExplainGraph = Pick<CalcGraph, 'rules' | 'items' | 'hosts' | 'endpointsOf' | 'serviceCidrs'>;

/** A connection to explain; each end an address, or an endpoint or a node by name. */
export interface Flow {
  readonly from: string;
  readonly to: string;
  readonly header: Omit<PolicyPacket, 'family' | 'source' | 'destination'>;
  /** Where it is sent to, where the node of `to` is known to translate that. */
  readonly sentTo?: SentTo;
}

export interface Explanation extends PacketDecision {
  readonly packet: PolicyPacket;
  /** Where it was sent to, where that is a floating address, or another that is translated. */
  readonly sentTo?: SentTo;
  /** What the ends are. */
  readonly from: NamedEnd;
  readonly to: NamedEnd;
  /** The destination is a service's address, and none that Calico translates. */
  readonly isToService: boolean;
  /** If every staged policy were enforced; absent where none has a say. */
  readonly stagedVerdict?: PacketDecision['verdict'];
}

/** A flow's ends, and the first packet that goes from one to the other. */
export interface ReadFlow {
  readonly from: NamedEnd;
  readonly to: NamedEnd;
  /** With a floating address translated. */
  readonly packet: PolicyPacket;
  readonly sentTo?: SentTo;
}

/**
 * What policy says of a new connection, by the resources that the graph holds now. Both ends' policy is asked, and that
 * of the hosts between, on whichever nodes they are; an address that nobody has is outside, where policy has no say.
 * Throws ExplainError.
 */
export function explainFlow(graph: ExplainGraph, node: NodePolicy, own: OwnAddresses, flow: Flow): Explanation {
  const read = readFlow(new FlowEnds(graph, own), flow);
  const { from, to, packet, sentTo } = read;
  const world = worldOf(graph);
  const ask = (asked: PolicyWorld): PacketDecision => decideFlow(asked, node, from, to, packet, sentTo);
  const decision = ask(world);
  const isStaged = [...world.policies].some(({ kind }) => kind.startsWith('Staged'));
  const isToService =
    to.attachment.type === 'outside' && graph.serviceCidrs.some((cidr) => cidrContains(cidr, packet.destination));
  const stagedVerdict = isStaged ? { stagedVerdict: ask(enforceStaged(world)).verdict } : {};
  return { ...read, ...decision, isToService, ...stagedVerdict };
}

/** Throws ExplainError. */
export function readFlow(ends: FlowEnds, flow: Flow): ReadFlow {
  const [from, to] = [ends.find(flow.from), ends.find(flow.to)];
  const addresses = commonAddresses(from, to);
  const packet = { ...ofFamily(flow.header, addresses.family), ...addresses };
  if (flow.sentTo !== undefined) return { from, to, packet, sentTo: flow.sentTo };
  if (to.floating === undefined) return { from, to, packet };
  return { from, to, packet, sentTo: { ...destinationOf(packet), destination: to.floating } };
}

const ICMP = 1;
const ICMPV6 = 58;
/** Types that both protocols have: echo request and reply (RFC 792, RFC 4443 4). */
const echoes = [
  [8, 128],
  [0, 129],
] as const;

/** Echo is asked for by the family that the addresses have. Throws ExplainError. */
function ofFamily(header: Flow['header'], family: Family): Flow['header'] {
  const [own, other] = family === 4 ? [ICMP, ICMPV6] : [ICMPV6, ICMP];
  if (header.protocol !== other) return header;
  const echo = echoes.find((types) => header.icmpType === types[family === 4 ? 1 : 0]);
  if (echo !== undefined) return { ...header, protocol: own, icmpType: echo[family === 4 ? 0 : 1] };
  throw new ExplainError(
    'no-common-family',
    `the addresses are IPv${family}, which has ${family === 4 ? 'ICMP' : 'ICMPv6'}: say so, with a type of its own`,
  );
}

/** Where a packet goes, as far as a translation of it may change that. */
export function destinationOf({ destination, destinationPort }: PolicyPacket): SentTo {
  return { destination, ...(destinationPort === undefined ? {} : { destinationPort }) };
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

/** As policy's evaluator has it. */
export function memberOf({ labels, profiles, nets, ports }: LabelledItem): Member {
  const numbered = ports.map(({ name, protocol, port }) => ({ name, protocol: namedPortProtocols[protocol], port }));
  return { labels, profiles, nets, ports: numbered };
}

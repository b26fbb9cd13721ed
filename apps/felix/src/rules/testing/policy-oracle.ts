/**
 * What a packet between workloads should meet, read straight from the resources: no IP sets, no marks,
 * no chains. It shares with the product only the selector language and CIDR arithmetic.
 */
import { cidrContains, familyOf, parseCidrLoose } from '@calico-node/net';
import { portMatchOf, protocolNumber, type EntityRule, type Rule, type SpecOf } from '@calico-node/model';
import { labelsOf, parseSelector, type Labels } from '@calico-node/selector';
import type { Packet } from '../interpret.ts';

export interface OracleEndpoint {
  readonly interfaceName: string;
  readonly isLocal: boolean;
  readonly addresses: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly profiles: readonly string[];
  readonly ports: readonly { readonly name: string; readonly protocol: string; readonly port: number }[];
}

export interface OraclePolicy {
  readonly name: string;
  /** Of a NetworkPolicy. */
  readonly namespace?: string;
  readonly spec: SpecOf<'NetworkPolicy'>;
}

/** Endpoints are all in namespace `default`; profiles give no labels. */
export interface OracleWorld {
  readonly endpoints: readonly OracleEndpoint[];
  readonly networkSets: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly nets: readonly string[];
  }[];
  readonly policies: readonly OraclePolicy[];
  readonly profiles: Readonly<Record<string, SpecOf<'Profile'>>>;
  readonly tiers: readonly { readonly name: string; readonly order: number; readonly defaultAction: 'Deny' | 'Pass' }[];
}

type Direction = 'ingress' | 'egress';

/** Whether a new connection's first packet goes through. */
export function isAllowed(world: OracleWorld, packet: Packet): boolean {
  const from = workloadOn(world, packet.inInterface);
  const to = workloadOn(world, packet.outInterface);
  if (packet.reversePathFailed === true && from !== 'no workload') return false;
  return passes(world, from, 'egress', packet) && passes(world, to, 'ingress', packet);
}

function workloadOn(world: OracleWorld, interfaceName: string | undefined): OracleEndpoint | 'no workload' | 'unknown' {
  if (!interfaceName?.startsWith('cali')) return 'no workload';
  return world.endpoints.find((endpoint) => endpoint.isLocal && endpoint.interfaceName === interfaceName) ?? 'unknown';
}

function passes(
  world: OracleWorld,
  endpoint: ReturnType<typeof workloadOn>,
  direction: Direction,
  packet: Packet,
): boolean {
  if (endpoint === 'no workload') return true;
  if (endpoint === 'unknown') return false;
  if (direction === 'egress' && (packet.protocol === 4 || (packet.protocol === 17 && packet.destinationPort === 4789)))
    return false;
  for (const tier of [...world.tiers].sort((a, b) => a.order - b.order)) {
    const policies = world.policies
      .filter(({ spec }) => spec.tier === tier.name)
      .filter(({ spec }) => (spec.types ?? []).includes(direction === 'ingress' ? 'Ingress' : 'Egress'))
      .filter(({ spec, namespace }) => {
        const isInReach = namespace === undefined || namespace === 'default';
        return isInReach && parseSelector(spec.selector ?? '').evaluate(labelsOfEndpoint(endpoint));
      })
      .sort((a, b) => (a.spec.order ?? Infinity) - (b.spec.order ?? Infinity) || (sortName(a) < sortName(b) ? -1 : 1));
    if (policies.length === 0) continue;
    const verdict = firstVerdict(
      world,
      policies.flatMap(({ spec, namespace }) => (spec[direction] ?? []).map((rule) => ({ rule, namespace }))),
      packet,
    );
    if (verdict === 'Allow') return true;
    if (verdict === 'Deny' || (verdict === undefined && tier.defaultAction === 'Deny')) return false;
  }
  for (const name of endpoint.profiles) {
    const verdict = firstVerdict(
      world,
      (world.profiles[name]?.[direction] ?? []).map((rule) => ({ rule, namespace: undefined })),
      packet,
    );
    if (verdict === 'Allow') return true;
    if (verdict === 'Deny') return false;
  }
  return false;
}

/** Order among equals is by name, then namespace, then kind. */
function sortName({ name, namespace = '' }: OraclePolicy): string {
  return `${name}/${namespace}`;
}

interface ScopedRule {
  readonly rule: Rule;
  readonly namespace: string | undefined;
}

function firstVerdict(
  world: OracleWorld,
  rules: readonly ScopedRule[],
  packet: Packet,
): 'Allow' | 'Deny' | 'Pass' | undefined {
  for (const { rule, namespace } of rules) {
    if (rule.action !== 'Log' && matches(world, rule, namespace, packet)) return rule.action;
  }
  return undefined;
}

function matches(world: OracleWorld, rule: Rule, namespace: string | undefined, packet: Packet): boolean {
  const family = familyOfRule(rule);
  if (family !== undefined && family !== packet.family) return false;
  if (rule.protocol !== undefined && protocolNumber(rule.protocol) !== packet.protocol) return false;
  if (rule.notProtocol !== undefined && protocolNumber(rule.notProtocol) === packet.protocol) return false;
  if (rule.icmp !== undefined && !matchesIcmp(rule.icmp, packet)) return false;
  if (rule.notICMP !== undefined && matchesIcmp(rule.notICMP, packet)) return false;
  const source = { ip: packet.source, port: packet.sourcePort };
  const destination = { ip: packet.destination, port: packet.destinationPort };
  return (
    matchesEntity(world, rule.source ?? {}, source, rule, namespace, packet) &&
    matchesEntity(world, rule.destination ?? {}, destination, rule, namespace, packet)
  );
}

/** A rule that names networks, even as exceptions, is a rule about their family. */
function familyOfRule({ ipVersion, source = {}, destination = {} }: Rule): number | undefined {
  const nets = [source, destination].flatMap(({ nets = [], notNets = [] }) => [...nets, ...notNets]);
  return ipVersion ?? (nets[0] === undefined ? undefined : familyOf(parseCidrLoose(nets[0])));
}

function matchesIcmp({ type, code }: NonNullable<Rule['icmp']>, packet: Packet): boolean {
  const isIcmp = packet.protocol === (packet.family === 4 ? 1 : 58);
  return isIcmp && packet.icmpType === type && (code === undefined || packet.icmpCode === code);
}

interface End {
  readonly ip: Packet['source'];
  readonly port: number | undefined;
}

function matchesEntity(
  world: OracleWorld,
  entity: EntityRule,
  { ip, port }: End,
  rule: Rule,
  namespace: string | undefined,
  packet: Packet,
): boolean {
  const inNet = (net: string): boolean => cidrContains(parseCidrLoose(net), ip);
  const {
    nets = [],
    notNets = [],
    selector = '',
    notSelector = '',
    namespaceSelector = '',
    ports = [],
    notPorts = [],
  } = entity;
  if (nets.length > 0 && !nets.some(inNet)) return false;
  if (notNets.some(inNet)) return false;

  const isLabelled = selector !== '' || notSelector !== '' || namespaceSelector !== '';
  const isSelected = (labels: Labels): boolean => {
    if (!parseSelector(selector).evaluate(labels)) return false;
    const itsNamespace = labels.get('projectcalico.org/namespace');
    if (namespaceSelector === 'all()') return itsNamespace !== undefined;
    if (namespaceSelector === 'global()') return itsNamespace === undefined;
    return !isLabelled || namespace === undefined || itsNamespace === namespace;
  };
  const needsSelected = isLabelled && (selector !== '' || namespaceSelector !== '' || namespace !== undefined);
  const isHeldBy = (wanted: (labels: Labels) => boolean): boolean =>
    world.endpoints.some((endpoint) => wanted(labelsOfEndpoint(endpoint)) && endpoint.addresses.some(inNet)) ||
    world.networkSets.some((set) => wanted(labelsOf(set.labels)) && set.nets.some(inNet));
  const hasPort = (candidate: string | number): boolean => {
    const match = portMatchOf(candidate);
    if (match.type === 'range') return port !== undefined && match.min <= port && port <= match.max;
    return world.endpoints.some(
      (endpoint) =>
        isSelected(labelsOfEndpoint(endpoint)) &&
        endpoint.addresses.some(inNet) &&
        endpoint.ports.some(({ name, protocol, port: number }) => {
          const wanted = rule.protocol === undefined ? 6 : protocolNumber(rule.protocol);
          return (
            name === match.name && protocolNumber(protocol) === wanted && packet.protocol === wanted && number === port
          );
        }),
    );
  };

  if (needsSelected && !isHeldBy(isSelected)) return false;
  if (notSelector !== '' && isHeldBy((labels) => parseSelector(notSelector).evaluate(labels))) return false;
  if (ports.length > 0 && !ports.some(hasPort)) return false;
  return !notPorts.some(hasPort);
}

function labelsOfEndpoint({ labels }: OracleEndpoint): Labels {
  return labelsOf({ ...labels, 'projectcalico.org/namespace': 'default', 'projectcalico.org/orchestrator': 'k8s' });
}

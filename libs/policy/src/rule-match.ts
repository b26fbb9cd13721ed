import { portMatchOf, protocolNumber, type EntityRule, type Rule } from '@calico-node/model';
import { cidrContains, familyOf, parseCidrLoose, type Family, type IpAddress } from '@calico-node/net';
import type { Labels } from '@calico-node/selector';
import { effectiveLabels } from './inherited-labels.ts';
import type { PolicyPacket } from './packet.ts';
import type { Selection } from './selection.ts';
import type { Member, PolicyWorld, ServiceEndpoint } from './world.ts';

/** What rules are read against. */
export interface RuleContext {
  readonly world: PolicyWorld;
  readonly selection: Selection;
  /** Of the policy that the rule stands in, when it has one. */
  readonly namespace: string | undefined;
}

/** Whether the packet is one that the rule speaks of: every field that is present must hold. */
export function ruleMatches(rule: Rule, packet: PolicyPacket, context: RuleContext): boolean {
  if (!isOfFamily(rule, packet.family)) return false;
  if (rule.protocol !== undefined && protocolNumber(rule.protocol) !== packet.protocol) return false;
  if (rule.notProtocol !== undefined && protocolNumber(rule.notProtocol) === packet.protocol) return false;
  if (rule.icmp?.type !== undefined && !isIcmp(rule.icmp, packet)) return false;
  if (rule.notICMP?.type !== undefined && isIcmp(rule.notICMP, packet)) return false;
  const source = { ip: packet.source, port: packet.sourcePort };
  const destination = { ip: packet.destination, port: packet.destinationPort };
  return (
    entityMatches(rule.source ?? {}, source, rule, packet, context) &&
    entityMatches(rule.destination ?? {}, destination, rule, packet, context) &&
    isServedBy(rule.source?.services, source.ip, () => true, context) &&
    isServedBy(rule.destination?.services, destination.ip, servesPacket(packet), context)
  );
}

/**
 * A rule that names networks, even as exceptions, is a rule about their families; one that names those of both, as the
 * API no longer takes it, speaks of a family where each of its lists does (`felix/rules/policy.go`).
 */
function isOfFamily({ ipVersion, source = {}, destination = {} }: Rule, family: Family): boolean {
  if (ipVersion !== undefined && ipVersion !== family) return false;
  return [source.nets, source.notNets, destination.nets, destination.notNets].every(
    (nets = []) => nets.length === 0 || nets.some((net) => familyOf(parseCidrLoose(net)) === family),
  );
}

function isIcmp({ type, code }: NonNullable<Rule['icmp']>, packet: PolicyPacket): boolean {
  const protocol = packet.family === 4 ? 1 : 58;
  return packet.protocol === protocol && packet.icmpType === type && (code === undefined || packet.icmpCode === code);
}

/** Whether the rule asks for no service, or the address is one that serves it. */
function isServedBy(
  services: EntityRule['services'],
  ip: IpAddress,
  serves: (endpoint: ServiceEndpoint) => boolean,
  { world, namespace: own = '' }: RuleContext,
): boolean {
  if (services === undefined) return true;
  const { name = '', namespace = '' } = services;
  for (const endpoint of world.serviceEndpoints?.(namespace === '' ? own : namespace, name) ?? []) {
    if (endpoint.ip === ip && serves(endpoint)) return true;
  }
  return false;
}

/** A destination's service means its ports, too. */
function servesPacket({ protocol, destinationPort }: PolicyPacket): (endpoint: ServiceEndpoint) => boolean {
  return ({ ports }) => ports.some((each) => each.protocol === protocol && each.port === destinationPort);
}

interface End {
  readonly ip: IpAddress;
  readonly port: number | undefined;
}

function entityMatches(
  entity: EntityRule,
  { ip, port }: End,
  rule: Rule,
  packet: PolicyPacket,
  context: RuleContext,
): boolean {
  const { ports = [], notPorts = [] } = entity;
  const { world, selection, namespace } = context;
  const isSelected = (labels: Labels): boolean => selection.entityHolds(entity, namespace, labels);
  const hasPort = (candidate: string | number): boolean => {
    const match = portMatchOf(candidate);
    if (match.type === 'range') return port !== undefined && match.min <= port && port <= match.max;
    // A rule without protocol means TCP by a named port.
    const wanted = rule.protocol === undefined ? 6 : protocolNumber(rule.protocol);
    if (packet.protocol !== wanted) return false;
    return holdersOf(world, ip)
      .filter((member) => isSelected(effectiveLabels(world, member)))
      .some((member) =>
        member.ports.some((own) => own.name === match.name && own.protocol === wanted && own.port === port),
      );
  };
  if (!isInNets(entity, ip) || !isHeld(entity, () => holdersOf(world, ip), context)) return false;
  if (ports.length > 0 && !ports.some(hasPort)) return false;
  return !notPorts.some(hasPort);
}

/** The members that have the address. */
export function holdersOf(world: PolicyWorld, ip: IpAddress): readonly Member[] {
  return [...world.membersAt(ip)].filter((member) => member.nets.some((net) => cidrContains(net, ip)));
}

/** Whether the address lies where the end of a rule asks. */
export function isInNets({ nets = [], notNets = [] }: EntityRule, ip: IpAddress): boolean {
  const inNet = (net: string): boolean => cidrContains(parseCidrLoose(net), ip);
  return (nets.length === 0 || nets.some(inNet)) && !notNets.some(inNet);
}

/**
 * Whether those who hold an address are such as the end of a rule asks for by labels: one of them whom it selects and
 * does not refuse, as in Calico, or none whom it refuses, where it selects none.
 */
function isHeld(
  entity: EntityRule,
  holders: () => readonly Member[],
  { world, selection, namespace }: RuleContext,
): boolean {
  const isHeldBy = (wanted: (labels: Labels) => boolean): boolean =>
    holders().some((member) => wanted(effectiveLabels(world, member)));
  if (selection.asksForLabels(entity, namespace))
    return isHeldBy((labels) => selection.entityHolds(entity, namespace, labels));
  return (entity.notSelector ?? '') === '' || !isHeldBy((labels) => selection.isRefused(entity, labels));
}

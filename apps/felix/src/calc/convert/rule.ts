import { parseCidrLoose, type Cidr, type Family } from '@calico-node/net';
import { portMatchOf, protocolNumber, type EntityRule, type Rule } from '@calico-node/model';
import type { Selector } from '@calico-node/selector';
import { namedPortProtocols, type IpSetId, type NamedPortProtocol } from '../ip-set.ts';
import { addressesSet, namedPortSet, serviceSet, type IpSetDefinition } from '../ip-set-definition.ts';
import { anyEntity, type IcmpMatch, type ParsedEntity, type ParsedRule, type PortRange } from '../parsed-rule.ts';
import { ConversionError } from './conversion-error.ts';
import type { SelectorCache } from './selectors.ts';

const actions: ReadonlyMap<string, ParsedRule['action']> = new Map([
  ['Allow', 'allow'],
  ['Deny', 'deny'],
  ['Log', 'log'],
  ['Pass', 'pass'],
]);

/** Rules ready for the dataplane, and the sets that they refer to (one may come more than once). */
export interface ParsedRules {
  readonly rules: readonly ParsedRule[];
  readonly sets: readonly IpSetDefinition[];
}

/**
 * Replaces selectors and named ports by IP sets (`felix/calc/rule_scanner.go`). `namespace` is that of a
 * namespaced policy. Stored rules are not trusted to be valid: what can't be programmed is refused with
 * ConversionError, SelectorError or NetParseError. HTTP matches are not looked at: Felix does not enforce
 * them, Calico's Envoy does.
 */
export function parseRules(
  rules: readonly Rule[] | undefined,
  namespace: string | undefined,
  selectors: SelectorCache,
): ParsedRules {
  const sets: IpSetDefinition[] = [];
  const use = (definition: IpSetDefinition): IpSetId => {
    sets.push(definition);
    return definition.id;
  };
  return { rules: (rules ?? []).map((rule) => parseRule(rule, namespace, selectors, use)), sets };
}

type UseSet = (definition: IpSetDefinition) => IpSetId;

function parseRule(rule: Rule, namespace: string | undefined, selectors: SelectorCache, use: UseSet): ParsedRule {
  const protocol = numberOf(rule.protocol);
  const notProtocol = numberOf(rule.notProtocol);
  const ipVersion = familyFrom(rule.ipVersion);
  const icmp = icmpOf(rule.icmp);
  const notIcmp = icmpOf(rule.notICMP);
  if (icmp !== undefined && protocol !== 1 && protocol !== 58)
    throw new ConversionError('icmp needs protocol ICMP or ICMPv6');
  const context = { namespace, selectors, use, protocol };
  return {
    action: actionOf(rule.action),
    ...(ipVersion === undefined ? {} : { ipVersion }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(notProtocol === undefined ? {} : { notProtocol }),
    ...(icmp === undefined ? {} : { icmp }),
    ...(notIcmp === undefined ? {} : { notIcmp }),
    source: parseEntity(rule.source, 'source', context),
    destination: parseEntity(rule.destination, 'destination', context),
    ...(rule.metadata?.annotations === undefined ? {} : { annotations: rule.metadata.annotations }),
  };
}

interface EntityContext {
  readonly namespace: string | undefined;
  readonly selectors: SelectorCache;
  readonly use: UseSet;
  readonly protocol: number | undefined;
}

function parseEntity(
  entity: EntityRule | undefined,
  side: 'source' | 'destination',
  context: EntityContext,
): ParsedEntity {
  if (entity === undefined) return anyEntity;
  const { selectors, use, protocol } = context;
  const positive = selectors.entitySelector(entity, context.namespace);
  const ports = splitPorts(entity.ports, protocol);
  const notPorts = splitPorts(entity.notPorts, protocol);
  const portSets = (names: readonly string[]): readonly IpSetId[] => namedPortSets(names, positive, context);
  // Named ports are looked up among the endpoints that the selector selects; then it says nothing more.
  const needsSelector = positive !== undefined && (ports.numbered.length > 0 || ports.named.length === 0);
  const service = serviceSets(entity.services, side, context);
  return {
    nets: parseNets(entity.nets),
    notNets: parseNets(entity.notNets),
    sets: [...(needsSelector ? [use(addressesSet(positive))] : []), ...(side === 'source' ? service : [])],
    notSets:
      positive === undefined && entity.notSelector ? [use(addressesSet(selectors.parse(entity.notSelector)))] : [],
    ports: ports.numbered,
    notPorts: notPorts.numbered,
    namedPorts: [...portSets(ports.named), ...(side === 'destination' ? service : [])],
    notNamedPorts: portSets(notPorts.named),
  };
}

function namedPortSets(
  names: readonly string[],
  positive: Selector | undefined,
  context: EntityContext,
): readonly IpSetId[] {
  const selector = positive ?? context.selectors.parse('all()');
  return names.map((name) => context.use(namedPortSet(selector, portProtocol(context.protocol), name)));
}

/** A source's service means its endpoints; a destination's, its endpoints' addresses with the service's ports. */
function serviceSets(
  services: EntityRule['services'],
  side: 'source' | 'destination',
  context: EntityContext,
): readonly IpSetId[] {
  if (services === undefined) return [];
  const { name: serviceName = '', namespace = '' } = services;
  const name = `${namespace === '' ? (context.namespace ?? '') : namespace}/${serviceName}`;
  const definition = serviceSet(name, side === 'source' ? 'service-addresses' : 'service-ports');
  return [context.use(definition)];
}

/** Named ports have a protocol of their own; a rule without one means TCP, as in Felix. */
function portProtocol(protocol: number | undefined): NamedPortProtocol {
  const found = Object.entries(namedPortProtocols).find(([, number]) => number === protocol);
  return (found?.[0] ?? 'tcp') as NamedPortProtocol;
}

function splitPorts(
  ports: EntityRule['ports'],
  protocol: number | undefined,
): { readonly numbered: readonly PortRange[]; readonly named: readonly string[] } {
  const numbered: PortRange[] = [];
  const named: string[] = [];
  for (const port of ports ?? []) {
    const match = portMatchOf(port);
    if (match.type === 'named') named.push(match.name);
    else numbered.push({ first: match.min, last: match.max });
  }
  if (numbered.length > 0 && !Object.values<number | undefined>(namedPortProtocols).includes(protocol)) {
    throw new ConversionError('ports need protocol TCP, UDP or SCTP');
  }
  return { numbered, named };
}

function parseNets(nets: readonly string[] | undefined): readonly Cidr[] {
  return (nets ?? []).map((net) => parseCidrLoose(net));
}

function numberOf(protocol: Rule['protocol']): number | undefined {
  if (protocol === undefined) return undefined;
  const number = protocolNumber(protocol);
  if (number === undefined || number < 1 || number > 255) throw new ConversionError(`no such protocol: ${protocol}`);
  return number;
}

function familyFrom(ipVersion: number | undefined): Family | undefined {
  if (ipVersion === undefined || ipVersion === 4 || ipVersion === 6) return ipVersion;
  throw new ConversionError(`no such IP version: ${ipVersion}`);
}

function actionOf(text: string): ParsedRule['action'] {
  const action = actions.get(text);
  if (action === undefined) throw new ConversionError(`no such action: ${text}`);
  return action;
}

function icmpOf(fields: Rule['icmp']): IcmpMatch | undefined {
  if (fields?.type === undefined) return undefined;
  const { type, code = 0 } = fields;
  // To iptables type 255 is any.
  if (type < 0 || type > 254 || code < 0 || code > 255) throw new ConversionError(`no such ICMP type: ${type}/${code}`);
  return fields.code === undefined ? { type: fields.type } : { type: fields.type, code: fields.code };
}

import { protocolNumber, type EntityRule, type Rule } from '@calico-node/model';
import { IPVersion, Rule as RuleMessage } from '@calico-node/rpc/policy-sync';
import { isServicePortsSet } from '../calc/ip-set.ts';
import type { IcmpMatch, ParsedEntity, ParsedRule } from '../calc/parsed-rule.ts';

/** Proxies know the actions by the names of Calico's first API. */
const actions = { allow: 'allow', deny: 'deny', log: 'log', pass: 'next-tier' } as const;
const ipVersions = { 4: IPVersion.IPV4, 6: IPVersion.IPV6 } as const;

type Entity = Partial<EntityRule>;

/**
 * A rule as proxies are told of it: the one that is programmed, and beside it what only they can see to, as the resource
 * has it: HTTP requests, and service accounts and namespaces of those who have proved who they are. `original` is absent
 * where there is no resource, `namespace` where the policy has none.
 */
export function ruleMessage(rule: ParsedRule, original: Rule | undefined, namespace: string | undefined): RuleMessage {
  const { source, destination, ipVersion } = rule;
  const from: Entity = original?.source ?? {};
  const to: Entity = original?.destination ?? {};
  const fromService = serviceOf(from, namespace);
  const toService = serviceOf(to, namespace);
  const { icmp, notIcmp } = rule;
  return RuleMessage.fromPartial({
    action: actions[rule.action],
    ...(ipVersion === undefined ? {} : { ipVersion: ipVersions[ipVersion] }),
    protocol: protocolMessage(rule.protocol, original?.protocol),
    notProtocol: protocolMessage(rule.notProtocol, original?.notProtocol),
    icmp: icmp && (hasCode(icmp) ? { $case: 'icmpTypeCode', value: icmp } : { $case: 'icmpType', value: icmp.type }),
    notIcmp:
      notIcmp &&
      (hasCode(notIcmp) ? { $case: 'notIcmpTypeCode', value: notIcmp } : { $case: 'notIcmpType', value: notIcmp.type }),
    srcNet: [...source.nets],
    srcPorts: [...source.ports],
    srcNamedPortIpSetIds: [...source.namedPorts],
    srcIpSetIds: [...source.sets],
    notSrcNet: [...source.notNets],
    notSrcPorts: [...source.notPorts],
    notSrcNamedPortIpSetIds: [...source.notNamedPorts],
    notSrcIpSetIds: [...source.notSets],
    dstNet: [...destination.nets],
    dstPorts: [...destination.ports],
    dstNamedPortIpSetIds: destination.namedPorts.filter((id) => !isServicePortsSet(id)),
    dstIpPortSetIds: destination.namedPorts.filter(isServicePortsSet),
    dstIpSetIds: [...destination.sets],
    notDstNet: [...destination.notNets],
    notDstPorts: [...destination.notPorts],
    notDstNamedPortIpSetIds: [...destination.notNamedPorts],
    notDstIpSetIds: [...destination.notSets],
    originalSrcSelector: from.selector ?? '',
    originalSrcNamespaceSelector: from.namespaceSelector ?? '',
    originalNotSrcSelector: from.notSelector ?? '',
    originalSrcService: fromService.name,
    originalSrcServiceNamespace: fromService.namespace,
    srcServiceAccountMatch: accountsOf(from),
    originalDstSelector: to.selector ?? '',
    originalDstNamespaceSelector: to.namespaceSelector ?? '',
    originalNotDstSelector: to.notSelector ?? '',
    originalDstService: toService.name,
    originalDstServiceNamespace: toService.namespace,
    dstServiceAccountMatch: accountsOf(to),
    httpMatch: httpOf(original),
    metadata: rule.annotations === undefined ? undefined : { annotations: rule.annotations },
  });
}

/** The sets that a rule asks for an end's address or port. */
export function setsOf({ sets, notSets, namedPorts, notNamedPorts }: ParsedEntity): readonly string[] {
  return [...sets, ...notSets, ...namedPorts, ...notNamedPorts];
}

function protocolMessage(number: number | undefined, original: Rule['protocol']) {
  if (number === undefined) return undefined;
  // The name by which the resource has it, in small letters as Felix has them.
  return typeof original === 'string' && protocolNumber(original) === number && !/^\d+$/.test(original)
    ? { numberOrName: { $case: 'name', value: original.toLowerCase() } as const }
    : { numberOrName: { $case: 'number', value: number } as const };
}

function hasCode(match: IcmpMatch): match is Required<IcmpMatch> {
  return match.code !== undefined;
}

function serviceOf({ services }: Entity, policyNamespace = ''): { readonly name: string; readonly namespace: string } {
  const { name = '', namespace = '' } = services ?? {};
  return { name, namespace: name === '' || namespace !== '' ? namespace : policyNamespace };
}

function accountsOf({ serviceAccounts }: Entity) {
  return serviceAccounts && { selector: serviceAccounts.selector ?? '', names: [...(serviceAccounts.names ?? [])] };
}

function httpOf(rule: Rule | undefined) {
  const http = rule?.http;
  if (http === undefined) return undefined;
  const paths = (http.paths ?? []).map(({ exact = '', prefix = '' }) => ({
    pathMatch:
      exact === '' ? ({ $case: 'prefix', value: prefix } as const) : ({ $case: 'exact', value: exact } as const),
  }));
  return { methods: [...(http.methods ?? [])], paths };
}

import { familyOf } from '@calico-node/net';
import { portMatchOf, protocolHasPorts, protocolNumber, type Protocol } from '../schema/numorstring.ts';
import type { Report } from '../schema/struct.ts';
import type { Rule } from './rule.ts';

/*
 * The rules about rules that no single field can check.
 */

const ICMP = 1;
const ICMPV6 = 58;
const TCP = 6;

export function checkIpVersion({ ipVersion }: Rule, report: Report): void {
  if (ipVersion !== undefined && ipVersion !== 4 && ipVersion !== 6) report(['ipVersion'], ipVersion, 'must be 4 or 6');
}

export function checkPorts(rule: Rule, report: Report): void {
  for (const end of ['source', 'destination'] as const) {
    for (const field of ['ports', 'notPorts'] as const) {
      const ports = rule[end]?.[field] ?? [];
      if (rule.protocol !== undefined) {
        if (ports.length > 0 && !protocolHasPorts(rule.protocol)) {
          report([end, field], ports, 'needs protocol TCP, UDP or SCTP');
        }
        continue;
      }
      for (const [index, value] of ports.entries()) {
        if (portMatchOf(value).type === 'range') {
          report([end, field, index], value, 'needs a protocol (TCP, UDP or SCTP); only named ports go without');
        }
      }
    }
  }
}

function isIcmp(protocol: Protocol | undefined): boolean {
  const number = protocol === undefined ? undefined : protocolNumber(protocol);
  return number === ICMP || number === ICMPV6;
}

export function checkIcmp(rule: Rule, report: Report): void {
  const { icmp, notICMP, ipVersion } = rule;
  if (icmp !== undefined && !isIcmp(rule.protocol)) report(['icmp'], icmp, 'needs protocol ICMP or ICMPv6');
  if (notICMP !== undefined && rule.protocol !== undefined && !isIcmp(rule.protocol)) {
    report(['notICMP'], notICMP, 'needs protocol ICMP or ICMPv6');
  }
  for (const field of ['protocol', 'notProtocol'] as const) {
    const number = rule[field] === undefined ? undefined : protocolNumber(rule[field]);
    if (number === ICMP && ipVersion === 6)
      report([field], rule[field], 'must not be ICMP where ipVersion is 6; use ICMPv6');
    if (number === ICMPV6 && ipVersion === 4)
      report([field], rule[field], 'must not be ICMPv6 where ipVersion is 4; use ICMP');
  }
}

export function checkNets(rule: Rule, report: Report): void {
  let family = rule.ipVersion;
  for (const end of ['source', 'destination'] as const) {
    for (const field of ['nets', 'notNets'] as const) {
      for (const [index, value] of (rule[end]?.[field] ?? []).entries()) {
        family ??= familyOf(value);
        if (familyOf(value) !== family) {
          const reason = rule.ipVersion === undefined ? "as the rule's other nets are" : 'as ipVersion says';
          report([end, field, index], value, `must be of IPv${family}, ${reason}`);
        }
      }
    }
  }
}

export function checkHttp({ http, action, protocol: given }: Rule, report: Report): void {
  if (http === undefined) return;
  if (action !== 'Allow') report(['http'], http, 'is only possible with action Allow');
  if (given !== undefined && protocolNumber(given) !== TCP) report(['http'], http, 'needs protocol TCP');
}

/** What {@link checkDirections} checks, in words. */
export const DIRECTION_RULES =
  'services only in the source of ingress and the destination of egress rules, there without ports, and with a namespace in global policies';

/**
 * The checks of rules that depend on their direction and on the policy around them.
 */
export function checkDirections(
  spec: { readonly ingress?: readonly Rule[] | undefined; readonly egress?: readonly Rule[] | undefined },
  isNamespaced: boolean,
  report: Report,
): void {
  for (const direction of ['ingress', 'egress'] as const) {
    for (const [index, { http, source, destination }] of (spec[direction] ?? []).entries()) {
      const path = ['spec', direction, index] as const;
      if (http !== undefined && direction === 'egress')
        report([...path, 'http'], http, 'is only possible in ingress rules');
      const [own, ownName] = direction === 'ingress' ? [destination, 'destination'] : [source, 'source'];
      if (own?.services) {
        report([...path, ownName, 'services'], own.services, `is not possible in the ${ownName} of ${direction} rules`);
      }
      for (const field of ['ports', 'notPorts'] as const) {
        const ports = destination?.[field] ?? [];
        if (destination?.services && ports.length > 0)
          report([...path, 'destination', field], ports, 'must not be used together with services');
      }
      for (const [end, entity] of Object.entries({ source, destination })) {
        if (!isNamespaced && entity?.services && (entity.services.namespace ?? '') === '') {
          report([...path, end, 'services', 'namespace'], undefined, 'is required in a global policy');
        }
      }
    }
  }
}

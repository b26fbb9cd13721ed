import { familyOf, hostCidr, splitCidr, type Cidr, type Family } from '@calico-node/net';
import type { LocalHostEndpoint, LocalWorkloadEndpoint } from '../calc/intents.ts';
import { networkPoolsSet } from '../calc/ip-set.ts';
import { chain, rule } from './build.ts';
import {
  clearMarks,
  drop,
  matchLimit,
  matchNet,
  matchProtocol,
  matchSet,
  matchUnmarked,
  protocols,
  returnToCaller,
  setMarks,
} from './matches.ts';
import type { Chain, Match, Rule } from './model.ts';
import { chainNames, type Direction } from './names.ts';
import type { RuleOptions } from './options.ts';

type Limited = Pick<LocalWorkloadEndpoint, 'limits'>;

/** As many packets at once as Felix lets through where the endpoint does not say. */
const defaultBurst = 5;

/** What goes beyond the endpoint's packet rate is dropped, whatever connection it belongs to. */
export function packetRateRules({ limits }: Limited, direction: Direction, options: RuleOptions): readonly Rule[] {
  const { packetRate, packetBurst = defaultBurst } = limits?.[direction] ?? {};
  if (packetRate === undefined) return [];
  const within = options.marks.scratch0;
  return [
    rule([], clearMarks(within)),
    rule([matchLimit(packetRate, 'second', packetBurst)], setMarks(within)),
    rule([matchUnmarked(within)], drop, `Drop packets over ${direction} packet rate limit`),
    rule([], clearMarks(within)),
  ];
}

/**
 * A new TCP connection beyond the endpoint's number of them is refused. Established ones never come here, and what is
 * not TCP is neither counted nor refused.
 */
export function connectionLimitRules({ limits }: Limited, direction: Direction): readonly Rule[] {
  const { maxConnections } = limits?.[direction] ?? {};
  if (maxConnections === undefined) return [];
  const isBeyond: Match = { kind: 'connections-above', limit: maxConnections };
  const title = `Reject connections over ${direction} connection limit`;
  return [rule([matchProtocol(protocols.tcp), isBeyond], { kind: 'reject', with: 'tcp-reset' }, title)];
}

/** Marks what endpoints with a code point send out of the cluster, by their addresses. */
export function renderDscpChain(
  workloads: Iterable<Pick<LocalWorkloadEndpoint, 'interfaceName' | 'addresses' | 'dscp'>>,
  hosts: Iterable<Pick<LocalHostEndpoint, 'name' | 'expectedIps' | 'dscp'>>,
  family: Family,
): Chain {
  const mark = (addresses: readonly Cidr[], value: number | undefined): readonly Rule[] =>
    value === undefined
      ? []
      : addresses
          .filter((cidr) => familyOf(splitCidr(cidr).ip) === family)
          .map((cidr) => rule([matchNet('source', cidr)], { kind: 'set-dscp', value }));
  const rules = [
    ...[...workloads]
      .sort((a, b) => (a.interfaceName < b.interfaceName ? -1 : 1))
      .flatMap(({ addresses, dscp }) => mark(addresses, dscp)),
    ...[...hosts]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap(({ expectedIps, dscp }) => mark(expectedIps.map(hostCidr), dscp)),
  ];
  const within = rule([matchSet('destination', networkPoolsSet)], returnToCaller);
  return chain('mangle', chainNames.egressDscp, rules.length === 0 ? [] : [within, ...rules]);
}

import type { Family } from '@calico-node/net';
import { allHostsSet, masqueradePoolsSet, networkPoolsSet } from '../calc/ip-set.ts';
import { chain, rule } from './build.ts';
import { matchInterfaceName, matchProtocol, matchSet, protocols } from './matches.ts';
import type { Action, Chain, Match } from './model.ts';
import { chainNames } from './names.ts';
import type { RuleOptions } from './options.ts';

/**
 * The chain that gives an address of the host to what pools with natOutgoing send out of the cluster: that of the
 * interface it leaves by, or NATOutgoingAddress, which is an IPv4 one; with source ports of NATPortRange alone, where
 * there is one. Only what leaves by the interfaces of IptablesNATOutgoingInterfaceFilter.
 */
export function renderNatOutgoing(family: Family, options: RuleOptions): Chain {
  const { natOutgoingAddress: address, natPortRange: ports, natOutgoingInterface, natOutgoingExclusions } = options;
  const matches: readonly Match[] = [
    matchSet('source', masqueradePoolsSet),
    matchSet('destination', networkPoolsSet, true),
    ...(natOutgoingExclusions === 'IPPoolsAndHostIPs' ? [matchSet('destination', allHostsSet, true)] : []),
    ...(natOutgoingInterface === '' ? [] : [matchInterfaceName('out', natOutgoingInterface)]),
  ];
  const plain: Extract<Action, { kind: 'masquerade' | 'snat' }> =
    address === undefined || family === 6
      ? { kind: 'masquerade', ...random(options.fullyRandom.masquerade) }
      : { kind: 'snat', address, ...random(options.fullyRandom.snat) };
  const withPorts =
    ports === undefined
      ? []
      : [protocols.tcp, protocols.udp].map((protocol) =>
          rule([matchProtocol(protocol), ...matches], { ...plain, ports: { first: ports.first, last: ports.last } }),
        );
  return chain('nat', chainNames.natOutgoing, [...withPorts, rule(matches, plain)]);
}

function random(isWanted: boolean): { readonly fullyRandom?: true } {
  return isWanted ? { fullyRandom: true } : {};
}

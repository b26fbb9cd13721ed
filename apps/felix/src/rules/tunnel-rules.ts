/**
 * What lets the nodes' tunnels through, and nothing that only looks like them: an encapsulated packet could carry any
 * inner one past policy, so none is taken but from a node, and none is sent but to one.
 */
import type { Family } from '@calico-node/net';
import { allHostsSet, vxlanHostsSet } from '../calc/ip-set.ts';
import type { PortRange } from '../calc/parsed-rule.ts';
import { chain, rule } from './build.ts';
import {
  drop,
  jump,
  masquerade,
  matchInterface,
  matchInterfacePrefix,
  matchLocal,
  matchPorts,
  matchProtocol,
  matchSet,
  protocols,
  returnToCaller,
  setMarks,
} from './matches.ts';
import type { Chain, Match, Rule } from './model.ts';
import { chainNames } from './names.ts';
import type { RuleOptions } from './options.ts';
import { allowAction, denyAction } from './verdicts.ts';

/** Which tunnels this host has now. */
export interface Tunnels {
  readonly ipip: boolean;
  readonly vxlan4: boolean;
  readonly vxlan6: boolean;
}

export const tunnelDevices = { ipip: 'tunl0', vxlan4: 'vxlan.calico', vxlan6: 'vxlan-v6.calico' } as const;

/** First of all that comes for the host itself. */
export function tunnelInput(family: Family, options: RuleOptions): readonly Rule[] {
  const toUs = matchLocal('destination');
  const allow = allowAction(options);
  return [
    ...(hasIpip(family, options)
      ? [
          rule([ipip, matchSet('source', allHostsSet), toUs], allow, 'Allow IPIP packets from Calico hosts'),
          rule([ipip], denyAction(options), 'Drop IPIP packets from non-Calico hosts'),
        ]
      : []),
    ...(hasVxlan(family, options)
      ? [
          rule(
            [...vxlan(options), matchSet('source', vxlanHostsSet), toUs],
            allow,
            'Allow VXLAN packets from allowed hosts',
          ),
          rule([...vxlan(options), toUs], drop, 'Drop VXLAN packets from non-allowed hosts'),
        ]
      : []),
    // Who has no key of ours gets nothing past the device.
    ...wireguardRules(family, options, (matches) =>
      rule([...matches, toUs], allow, `Allow incoming IPv${family} Wireguard packets`),
    ),
  ];
}

/** What the host itself sends into its tunnels. */
export function tunnelOutput(family: Family, options: RuleOptions): readonly Rule[] {
  const fromUs = matchLocal('source');
  const allow = allowAction(options);
  return [
    ...(hasIpip(family, options)
      ? [rule([ipip, matchSet('destination', allHostsSet), fromUs], allow, 'Allow IPIP packets to other Calico hosts')]
      : []),
    ...(hasVxlan(family, options)
      ? [
          rule(
            [...vxlan(options), matchSet('destination', vxlanHostsSet), fromUs],
            allow,
            'Allow VXLAN packets to other allowed hosts',
          ),
        ]
      : []),
    ...wireguardRules(family, options, (matches) =>
      rule([...matches, fromUs], allow, `Allow outgoing IPv${family} Wireguard packets`),
    ),
  ];
}

/** Connection tracking has nothing to say of VXLAN's packets: each flow has its own source port, one way. */
export function untrackedVxlan(family: Family, options: RuleOptions): readonly Rule[] {
  return hasVxlan(family, options) ? [rule(vxlan(options), { kind: 'notrack' })] : [];
}

/**
 * What leaves by a tunnel with another of the host's addresses gets the tunnel's, so that the answer comes back so. UDP
 * does not get VXLAN's port with it: the answer would be taken for an encapsulated packet, untracked and dropped.
 */
export function masqueradeIntoTunnels(family: Family, options: RuleOptions): readonly Rule[] {
  const { tunnels, wireguard, fullyRandom, vxlanPort } = options;
  const kinds = family === 4 ? (['ipip', 'vxlan4'] as const) : (['vxlan6'] as const);
  const devices = kinds.filter((kind) => tunnels[kind]).map((kind) => tunnelDevices[kind]);
  const isRandom = fullyRandom.masquerade;
  return [...devices, ...(wireguard[family] === undefined ? [] : [wireguard[family].interfaceName])].flatMap(
    (device) => {
      const matches: readonly Match[] = [
        matchInterface('out', device),
        { kind: 'local-address', side: 'source', limitInterface: 'out', negated: true },
        matchLocal('source'),
      ];
      const beside = masquerade(isRandom, portsBeside(vxlanPort));
      return [
        ...(hasVxlan(family, options) ? [rule([matchProtocol(protocols.udp), ...matches], beside)] : []),
        rule(matches, masquerade(isRandom)),
      ];
    },
  );
}

/** Of the ports above the well-known ones, the longer run without that one. */
function portsBeside(port: number): PortRange {
  const below = { first: 1024, last: port - 1 };
  const above = { first: Math.max(port + 1, 1024), last: 65_535 };
  return above.last - above.first >= below.last - below.first ? above : below;
}

/** Where hosts' own packets are encrypted, what comes in otherwise is not looked up in WireGuard's routing table. */
export function markIncoming({ wireguardEncryptsHosts }: RuleOptions): readonly Rule[] {
  return wireguardEncryptsHosts ? [rule([], jump(chainNames.wireguardIncomingMark))] : [];
}

export function renderIncomingMarkChains(options: RuleOptions): readonly Chain[] {
  const { marks, wireguard, wireguardEncryptsHosts, interfacePrefixes } = options;
  if (!wireguardEncryptsHosts || marks.wireguard === undefined) return [];
  const unmarked = [
    matchInterface('in', 'lo'),
    ...Object.values(wireguard).map(({ interfaceName }) => matchInterface('in', interfaceName)),
    ...interfacePrefixes.map((prefix) => matchInterfacePrefix('in', prefix)),
  ];
  return [
    chain('raw', chainNames.wireguardIncomingMark, [
      ...unmarked.map((match) => rule([match], returnToCaller)),
      rule([], setMarks(marks.wireguard)),
    ]),
  ];
}

const ipip = matchProtocol(protocols.ipip);

function vxlan({ vxlanPort }: RuleOptions): readonly Match[] {
  return [matchProtocol(protocols.udp), matchPorts('destination', [{ first: vxlanPort, last: vxlanPort }])];
}

function wireguardRules(
  family: Family,
  { wireguard }: RuleOptions,
  make: (matches: readonly Match[]) => Rule,
): readonly Rule[] {
  const port = wireguard[family]?.port;
  if (port === undefined) return [];
  return [make([matchProtocol(protocols.udp), matchPorts('destination', [{ first: port, last: port }])])];
}

function hasIpip(family: Family, { tunnels }: RuleOptions): boolean {
  return family === 4 && tunnels.ipip;
}

function hasVxlan(family: Family, { tunnels }: RuleOptions): boolean {
  return family === 4 ? tunnels.vxlan4 : tunnels.vxlan6;
}

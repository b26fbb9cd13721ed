/**
 * The chains of a host endpoint on one interface, or with `*` on all that have none of their own:
 *
 *   raw     cali-fh- / cali-th-      untracked policy, before there is a connection; not for `*`, as in Felix
 *   mangle  cali-fh-                 pre-DNAT policy, of the destination as it was sent to
 *           cali-th-                 normal egress policy of what the host sends to a destination that was translated
 *   filter  cali-fh- / cali-th-      normal policy, of what the host itself receives and sends
 *           cali-fhfw- / cali-thfw-  applyOnForward policy, of what it passes on
 */
import type { LocalHostEndpoint } from '../calc/intents.ts';
import { chain } from './build.ts';
import { endpointRules, groupChainsOf, type EndpointChain } from './endpoint-chains.ts';
import type { Chain } from './model.ts';
import { chainNames, hostChainName, type HostChainKind } from './names.ts';
import type { RuleOptions } from './options.ts';
import type { GroupChain } from './policy-groups.ts';

/** A host endpoint and an interface that it covers; `*` stands for those that no other one does. */
export interface HostAttachment {
  readonly interfaceName: string;
  readonly endpoint: LocalHostEndpoint;
}

interface HostChain extends EndpointChain {
  readonly kind: HostChainKind;
}

export function renderHostChains(attachment: HostAttachment, options: RuleOptions): readonly Chain[] {
  return shapesOf(attachment).map((shape) => {
    const name = hostChainName(attachment.interfaceName, shape.kind, options.maxChainNameLength);
    // A stage without policy has nothing to say, not even to invalid packets.
    const isEmpty = shape.stage === 'pre-dnat' && shape.tiers.length === 0;
    return chain(shape.layer, name, isEmpty ? [] : endpointRules(shape, options));
  });
}

/** The shared chains that these jump to. */
export function groupsOfHost(attachment: HostAttachment): readonly GroupChain[] {
  return shapesOf(attachment).flatMap(groupChainsOf);
}

/** Whether the endpoint has a say before connections are tracked. */
export function isAskedUntracked({ interfaceName, endpoint }: HostAttachment): boolean {
  return interfaceName !== '*' && endpoint.untrackedTiers.length > 0;
}

function shapesOf(attachment: HostAttachment): readonly HostChain[] {
  const { tiers, forwardTiers, untrackedTiers, preDnatTiers, profiles } = attachment.endpoint;
  const inbound = { direction: 'ingress', profiles: [] } as const;
  const outbound = { direction: 'egress', profiles: [] } as const;
  const guardedIn = { ...inbound, failsafes: chainNames.failsafeIn };
  const guardedOut = { ...outbound, failsafes: chainNames.failsafeOut };
  const untracked: readonly HostChain[] = [
    { ...guardedIn, kind: 'from', layer: 'raw', stage: 'untracked', tiers: untrackedTiers },
    { ...guardedOut, kind: 'to', layer: 'raw', stage: 'untracked', tiers: untrackedTiers },
  ];
  return [
    ...(isAskedUntracked(attachment) ? untracked : []),
    { ...guardedIn, kind: 'from', layer: 'mangle', stage: 'pre-dnat', tiers: preDnatTiers },
    { ...guardedOut, kind: 'to', layer: 'mangle', stage: 'normal', tiers, profiles },
    { ...guardedIn, kind: 'from', layer: 'filter', stage: 'normal', tiers, profiles },
    { ...guardedOut, kind: 'to', layer: 'filter', stage: 'normal', tiers, profiles },
    { ...inbound, kind: 'from-forward', layer: 'filter', stage: 'forward', tiers: forwardTiers },
    { ...outbound, kind: 'to-forward', layer: 'filter', stage: 'forward', tiers: forwardTiers },
  ];
}

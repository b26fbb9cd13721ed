import { createHash } from 'node:crypto';
import { ipSetKernelName, limitedId } from '@calico-node/model';
import type { Family } from '@calico-node/net';
import type { PolicyGroup } from '../calc/intents.ts';
import type { IpSetId } from '../calc/ip-set.ts';
import type { PolicyId } from '../calc/policy-id.ts';

/** Every name of a chain or map of ours starts so; what starts so and is not wanted may be deleted. */
export const chainPrefix = 'cali-';

/** A direction as the endpoint sees it. */
export type Direction = 'ingress' | 'egress';

export const chainNames = {
  prerouting: 'cali-PREROUTING',
  postrouting: 'cali-POSTROUTING',
  input: 'cali-INPUT',
  forward: 'cali-FORWARD',
  output: 'cali-OUTPUT',
  fromHostDispatch: 'cali-from-host-endpoint',
  toHostDispatch: 'cali-to-host-endpoint',
  fromHostForwardDispatch: 'cali-from-hep-forward',
  toHostForwardDispatch: 'cali-to-hep-forward',
  failsafeIn: 'cali-failsafe-in',
  failsafeOut: 'cali-failsafe-out',
  setAccept: 'cali-set-accept',
  setPass: 'cali-set-pass',
  reject: 'cali-reject',
  egressDscp: 'cali-egress-dscp',
  forwardCheck: 'cali-forward-check',
  forwardMarked: 'cali-forward-endpoint-mark',
  setEndpointMark: 'cali-set-endpoint-mark',
  fromEndpointMark: 'cali-from-endpoint-mark',
  serviceToHost: 'cali-service-to-host',
  serviceLoops: 'cali-cidr-block',
  workloadToHost: 'cali-wl-to-host',
  fromWorkloadDispatch: 'cali-from-wl-dispatch',
  toWorkloadDispatch: 'cali-to-wl-dispatch',
  reversePathSkip: 'cali-rpf-skip',
  natOutgoing: 'cali-nat-outgoing',
  wireguardIncomingMark: 'cali-wireguard-incoming-mark',
  floatingDnat: 'cali-fip-dnat',
  floatingSnat: 'cali-fip-snat',
} as const;

/** `cali-tw-<interface>` (to the workload, its ingress) or `cali-fw-<interface>` (from it, its egress). */
export function workloadChainName(interfaceName: string, direction: Direction): string {
  return `${direction === 'ingress' ? 'cali-tw-' : 'cali-fw-'}${interfaceName}`;
}

/** Stands for the interfaces that the host endpoint `*` covers, in the names of its chains. */
const anyInterface = 'any-interface-at-all';

/** `from`: packets that come in by the interface, which its ingress policy is asked about; `to`: those that leave. */
export type HostChainKind = 'from' | 'to' | 'from-forward' | 'to-forward';

const hostChainPrefixes: Readonly<Record<HostChainKind, string>> = {
  from: 'cali-fh-',
  to: 'cali-th-',
  'from-forward': 'cali-fhfw-',
  'to-forward': 'cali-thfw-',
};

/** The host endpoint's chain for an interface, or with `*` for all that have none of their own. */
export function hostChainName(interfaceName: string, kind: HostChainKind, maxLength: number): string {
  return chainName(hostChainPrefixes[kind], interfaceName === '*' ? anyInterface : interfaceName, maxLength);
}

/** `cali-sm-<interface>`, which marks what came in by it. */
export function endpointMarkChainName(interfaceName: string): string {
  return `cali-sm-${interfaceName}`;
}

/** `cali-gi-<hash>` or `cali-go-<hash>`: equal for groups of the same policies. */
export function groupChainName({ selector, policies }: PolicyGroup, direction: Direction): string {
  const lines = [selector, direction, String(policies.length), ...policies].map((line) => `${line}\n`);
  const hash = createHash('sha3-224').update(lines.join('')).digest('base64url').slice(0, 20);
  return `${direction === 'ingress' ? 'cali-gi-' : 'cali-go-'}${hash}`;
}

/** `cali-pi-<policy>` or `cali-po-<policy>`, hashed when it does not fit. */
export function policyChainName(id: PolicyId, direction: Direction, maxLength: number): string {
  return chainName(direction === 'ingress' ? 'cali-pi-' : 'cali-po-', id, maxLength);
}

/** `cali-pri-<profile>` or `cali-pro-<profile>`, hashed when it does not fit. */
export function profileChainName(profile: string, direction: Direction, maxLength: number): string {
  return chainName(direction === 'ingress' ? 'cali-pri-' : 'cali-pro-', profile, maxLength);
}

/**
 * Calico's name for a chain. A name that the API would not take, as a client that does not check may have stored, is
 * hashed too: iptables would read it as more than one word, or more than one line.
 */
function chainName(prefix: string, suffix: string, maxLength: number): string {
  const isPlain = /^[\w./:+-]*$/.test(suffix);
  return limitedId(prefix, isPlain ? suffix : suffix + ' '.repeat(maxLength), maxLength);
}

/** The kernel's name of an IP set, `cali40s:5y5I...`, cut to 31 characters. nf_tables writes `-` for `:`; its driver does that. */
export function ipSetName(id: IpSetId, family: Family): string {
  return ipSetKernelName(id, family);
}

import { ipSetKernelName, limitedId } from '@calico-node/model';
import type { Family } from '@calico-node/net';
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
  workloadToHost: 'cali-wl-to-host',
  fromWorkloadDispatch: 'cali-from-wl-dispatch',
  toWorkloadDispatch: 'cali-to-wl-dispatch',
  reversePathSkip: 'cali-rpf-skip',
  natOutgoing: 'cali-nat-outgoing',
} as const;

/** `cali-tw-<interface>` (to the workload, its ingress) or `cali-fw-<interface>` (from it, its egress). */
export function workloadChainName(interfaceName: string, direction: Direction): string {
  return `${direction === 'ingress' ? 'cali-tw-' : 'cali-fw-'}${interfaceName}`;
}

/** `cali-pi-<policy>` or `cali-po-<policy>`, hashed when it does not fit. */
export function policyChainName(id: PolicyId, direction: Direction, maxLength: number): string {
  return limitedId(direction === 'ingress' ? 'cali-pi-' : 'cali-po-', id, maxLength);
}

/** `cali-pri-<profile>` or `cali-pro-<profile>`, hashed when it does not fit. */
export function profileChainName(profile: string, direction: Direction, maxLength: number): string {
  return limitedId(direction === 'ingress' ? 'cali-pri-' : 'cali-pro-', profile, maxLength);
}

/** The kernel's name of an IP set, `cali40s:5y5I...`, cut to 31 characters. nf_tables writes `-` for `:`; its driver does that. */
export function ipSetName(id: IpSetId, family: Family): string {
  return ipSetKernelName(id, family);
}

import { createHash } from 'node:crypto';
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

/**
 * The kernel's name of an IP set: `cali40s:5y5I...`, cut to 31 characters (the limit of ipset), as
 * `felix/ipsets` makes it. nf_tables mode writes `-` for `:`; its driver does that.
 */
export function ipSetName(id: IpSetId, family: Family): string {
  return `cali${family}0${id}`.slice(0, 31);
}

/**
 * Calico's `GetLengthLimitedID`: prefix and suffix as they are when they fit, else the prefix, `_`
 * and as much of the suffix's SHA-256 (base64url) as fits. A suffix that starts with `_` and exactly
 * fills the room is hashed too, so that it can't be taken for a hash.
 */
export function limitedId(prefix: string, suffix: string, maxLength: number): string {
  const wanted = suffix === '' ? '_' : suffix;
  const length = prefix.length + wanted.length;
  if (length < maxLength || (length === maxLength && !wanted.startsWith('_'))) return prefix + wanted;
  const digest = createHash('sha256').update(wanted).digest('base64url');
  return `${prefix}_${digest.slice(0, maxLength - 1 - prefix.length)}`;
}

import { createHash } from 'node:crypto';

/*
 * Identifiers that Calico derives from names, so that two programs that never
 * talk to each other agree on them.
 */

/**
 * `prefix` + `suffix`, or where that is too long for `maxLength`, `prefix`, "_" and as much of the suffix's
 * SHA-256 in base64url as fits.
 */
export function limitedId(prefix: string, suffix: string, maxLength: number): string {
  const tail = suffix === '' ? '_' : suffix;
  const length = prefix.length + tail.length;
  if (length < maxLength || (length === maxLength && !tail.startsWith('_'))) return prefix + tail;
  const hash = createHash('sha256').update(tail).digest('base64url');
  return `${prefix}_${hash.slice(0, maxLength - 1 - prefix.length)}`;
}

const POLICY_SHORT_NAMES = {
  NetworkPolicy: 'np',
  GlobalNetworkPolicy: 'gnp',
  StagedNetworkPolicy: 'snp',
  StagedGlobalNetworkPolicy: 'sgnp',
  StagedKubernetesNetworkPolicy: 'sknp',
  KubernetesNetworkPolicy: 'knp',
  KubernetesClusterNetworkPolicy: 'kcnp',
} as const;

export type PolicyKind = keyof typeof POLICY_SHORT_NAMES;

/** `np/<namespace>/<name>` or `gnp/<name>`: what a policy is called in chain names and logs. */
export function policyId(kind: PolicyKind, name: string, namespace = ''): string {
  const short = POLICY_SHORT_NAMES[kind];
  return namespace === '' ? `${short}/${name}` : `${short}/${namespace}/${name}`;
}

/** The host's end of a pod's veth: a prefix and 11 hex digits, 15 characters with the usual `cali`. */
export function podInterfaceName(namespace: string, pod: string, prefix = 'cali'): string {
  return prefix + createHash('sha1').update(`${namespace}.${pod}`).digest('hex').slice(0, 11);
}

/** The name of an IP set in the kernel, cut to the 31 characters that one may have. */
export function ipSetKernelName(setId: string, family: 4 | 6): string {
  return `cali${family}0${setId}`.slice(0, 31);
}

import type { Branded } from '@calico-node/net';

/** The policy kinds that calc makes active. The short forms are Calico's (`felix/types/policy_id.go`). */
export const policyKinds = { NetworkPolicy: 'np', GlobalNetworkPolicy: 'gnp' } as const;

export type PolicyKind = keyof typeof policyKinds;

/**
 * A policy's identity as one string, `np/<namespace>/<name>` or `gnp/<name>`: the suffix of its
 * chains' names before shortening. Names and namespaces hold no `/`, so it is unambiguous.
 */
export type PolicyId = Branded<string, 'PolicyId'>;

/** What a `PolicyId` is made of. */
export interface PolicyName {
  readonly kind: PolicyKind;
  /** Absent for global policies. */
  readonly namespace?: string;
  readonly name: string;
}

/** The one spelling of a policy's identity. */
export function policyIdOf({ kind, namespace, name }: PolicyName): PolicyId {
  const short = policyKinds[kind];
  return (namespace === undefined ? `${short}/${name}` : `${short}/${namespace}/${name}`) as PolicyId;
}

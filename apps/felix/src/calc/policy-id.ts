import { policyId } from '@calico-node/model';
import type { Branded } from '@calico-node/net';

/** The policy kinds that calc makes active. */
export type PolicyKind = 'NetworkPolicy' | 'GlobalNetworkPolicy';

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
  return policyId(kind, name, namespace) as PolicyId;
}

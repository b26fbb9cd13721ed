import { policyId } from '@calico-node/model';
import type { PolicyWorld, RuleOwner } from '@calico-node/policy';
import type { PolicyId } from '../calc/policy-id.ts';
import { policyChainName, profileChainName, workloadChainName, type Direction } from '../rules/names.ts';

/** Whose rules a chain of ours has. */
export interface ChainMeaning {
  readonly owner: Pick<RuleOwner, 'kind' | 'namespace' | 'name'>;
  readonly direction: Direction;
}

const directions = ['ingress', 'egress'] as const;

/** By the name of the chain, without the layer that nf_tables' driver puts before it. */
export function chainMeanings(
  { policies }: Pick<PolicyWorld, 'policies'>,
  profiles: Iterable<string>,
  endpoints: Iterable<{ readonly interfaceName: string; readonly name: string }>,
  maxChainNameLength: number,
): ReadonlyMap<string, ChainMeaning> {
  const meanings = new Map<string, ChainMeaning>();
  for (const direction of directions) {
    for (const { kind, metadata } of policies) {
      if (kind !== 'NetworkPolicy' && kind !== 'GlobalNetworkPolicy') continue;
      const { name, namespace } = metadata;
      const id = policyId(kind, name, namespace) as PolicyId;
      const owner = { kind, name, ...(namespace === undefined ? {} : { namespace }) };
      meanings.set(policyChainName(id, direction, maxChainNameLength), { owner, direction });
    }
    for (const name of profiles) {
      const chain = profileChainName(name, direction, maxChainNameLength);
      meanings.set(chain, { owner: { kind: 'Profile', name }, direction });
    }
    for (const { interfaceName, name } of endpoints) {
      meanings.set(workloadChainName(interfaceName, direction), {
        owner: { kind: 'WorkloadEndpoint', name },
        direction,
      });
    }
  }
  return meanings;
}

/** The chain's name in the rule model. */
export function withoutLayer(chain: string): string {
  return chain.replace(/^(?:raw|mangle|nat|filter)-(?=cali-)/, '');
}

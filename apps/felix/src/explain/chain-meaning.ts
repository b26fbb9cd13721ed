import { policyId } from '@calico-node/model';
import type { PacketDecision, PolicyWorld, RuleOwner } from '@calico-node/policy';
import type { PolicyId } from '../calc/policy-id.ts';
import {
  hostChainName,
  policyChainName,
  profileChainName,
  workloadChainName,
  type Direction,
  type HostChainKind,
} from '../rules/names.ts';

/** Whose rules a chain of ours has. */
export interface ChainMeaning {
  readonly owner: Pick<RuleOwner, 'kind' | 'namespace' | 'name'>;
  readonly direction: Direction;
  /** The rule of the owner that decides or passes by what policy says, from 0; absent where none does. */
  readonly ruleIndex?: number;
}

/** An endpoint of either kind, and the interface that its chains are named after. */
interface NamedInterface {
  readonly interfaceName: string;
  readonly name: string;
}

const directions = ['ingress', 'egress'] as const;
const hostChains: readonly (readonly [HostChainKind, Direction])[] = [
  ['from', 'ingress'],
  ['to', 'egress'],
  ['from-forward', 'ingress'],
  ['to-forward', 'egress'],
];

/** By the name of the chain, without the layer that nf_tables' driver puts before it. */
export function chainMeanings(
  { policies }: Pick<PolicyWorld, 'policies'>,
  profiles: Iterable<string>,
  endpoints: Iterable<NamedInterface>,
  hostEndpoints: Iterable<NamedInterface>,
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
  for (const { interfaceName, name } of hostEndpoints) {
    for (const [kind, direction] of hostChains) {
      const chain = hostChainName(interfaceName, kind, maxChainNameLength);
      meanings.set(chain, { owner: { kind: 'HostEndpoint', name }, direction });
    }
  }
  return meanings;
}

/** The chain's name in the rule model. */
export function withoutLayer(chain: string): string {
  return chain.replace(/^(?:raw|mangle|nat|filter)-(?=cali-)/, '');
}

/** The meanings with the rules that a decision came to. */
export function withDecidingRules(
  meanings: ReadonlyMap<string, ChainMeaning>,
  { steps }: PacketDecision,
): ReadonlyMap<string, ChainMeaning> {
  const keyOf = ({ kind, namespace = '', name }: ChainMeaning['owner'], direction: string): string =>
    JSON.stringify([kind, namespace, name, direction]);
  const hits = new Map<string, number>();
  for (const { direction, reason, tiers } of steps) {
    const decided = reason.type === 'rule' ? [reason.hit] : [];
    for (const hit of [...tiers.flatMap((tier) => tier.hit ?? []), ...decided])
      hits.set(keyOf(hit.owner, direction), hit.ruleIndex);
  }
  return new Map(
    [...meanings].map(([chain, meaning]) => {
      const ruleIndex = hits.get(keyOf(meaning.owner, meaning.direction));
      return [chain, ruleIndex === undefined ? meaning : { ...meaning, ruleIndex }];
    }),
  );
}

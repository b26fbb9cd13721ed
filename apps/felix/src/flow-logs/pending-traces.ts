import { decideEndpoint, enforceStaged, type PolicyWorld, type RuleOwner } from '@calico-node/policy';
import { memberOf, worldOf, type ExplainGraph } from '../explain/explain-flow.ts';
import type { Side } from './collector.ts';
import type { Ends } from './ends.ts';
import type { TracedHit } from './flow.ts';
import { noProfileHit, policyHit, profileHit, tierEndHit, type HitKind } from './hit.ts';

type PolicyHitKind = Parameters<typeof policyHit>[0];

/** What policy would say of connections if every staged policy were enforced, by the resources at one moment. */
export class PendingTraces {
  readonly #world: PolicyWorld;
  /** The staged policy that stands where an enforced one would. */
  readonly #staged = new Map<string, { readonly kind: PolicyHitKind; readonly name: string }>();

  constructor(graph: ExplainGraph, ends: Pick<Ends, 'membersAt'>) {
    const world = worldOf(graph);
    this.#world = { ...enforceStaged(world), membersAt: (ip) => ends.membersAt(ip).map(memberOf) };
    for (const { kind, metadata, spec } of world.policies) {
      if (kind === 'NetworkPolicy' || kind === 'GlobalNetworkPolicy') continue;
      if ('stagedAction' in spec && spec.stagedAction !== undefined && spec.stagedAction !== 'Set') continue;
      const { name, namespace = '' } = metadata;
      this.#staged.set(keyOf(namespace, name), { kind, name });
    }
  }

  /** Nothing where no policy can be asked. */
  of({ direction, packet, end: { item, name } }: Side): readonly TracedHit[] {
    if (item === undefined) return [];
    const { labels, profiles } = item;
    const endpoint = { kind: 'workload', name, labels, profiles } as const;
    const { tiers, reason } = decideEndpoint(this.#world, { endpoint, direction, stage: 'normal', packet });
    const hits = tiers.map(({ tier, hit, outcome, policies: [first] }): TracedHit => {
      if (hit !== undefined && hit.action !== 'Log') return this.#hitOf(hit.owner, tier, hit.action, hit.ruleIndex);
      const end = tierEndHit(tier, outcome === 'Pass' ? 'Pass' : 'Deny');
      return first === undefined ? end : { ...end, trigger: this.#hitOf(first, tier, 'Deny', -1) };
    });
    if (reason.type === 'no-profile-matched' || reason.type === 'missing-profile') return [...hits, noProfileHit];
    if (reason.type !== 'rule' || reason.tier !== undefined || reason.hit.action === 'Log') return hits;
    return [...hits, profileHit(reason.hit.owner.name, reason.hit.action, reason.hit.ruleIndex)];
  }

  #hitOf(owner: RuleOwner, tier: string, action: 'Allow' | 'Deny' | 'Pass', ruleIndex: number): TracedHit {
    const { namespace = '', name } = owner;
    const staged = this.#staged.get(keyOf(namespace, name));
    const kind: HitKind = owner.kind === 'NetworkPolicy' ? 'NetworkPolicy' : 'GlobalNetworkPolicy';
    return policyHit(staged?.kind ?? kind, { namespace, name: staged?.name ?? name }, tier, action, ruleIndex);
  }
}

function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

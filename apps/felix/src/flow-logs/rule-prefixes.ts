import type { Intent, PolicyUpdate, ProfileUpdate } from '../calc/intents.ts';
import type { ParsedRule } from '../calc/parsed-rule.ts';
import { flowLogOfNoProfile, flowLogOfRule, flowLogOfTierEnd, type FlowLogOwner } from '../rules/flow-logs.ts';
import type { Direction } from '../rules/names.ts';
import { noProfileHit, policyHit, profileHit, tierEndHit, type Hit, type HitAction } from './hit.ts';

const directions: readonly Direction[] = ['ingress', 'egress'];
const actions = { allow: 'Allow', deny: 'Deny', pass: 'Pass' } as const;

/** What the prefixes of logged packets say, of the rules that are programmed. */
export class RulePrefixes {
  readonly #hits = new Map<string, Hit>(directions.map((each) => [flowLogOfNoProfile(each).prefix, noProfileHit]));
  /** Of each policy and profile, to forget them. */
  readonly #prefixes = new Map<string, readonly string[]>();

  take(intent: Intent): void {
    switch (intent.type) {
      case 'policy-update':
        this.#setPolicy(intent);
        return;
      case 'policy-remove':
        this.#forget(`policy ${intent.id}`);
        return;
      case 'profile-update':
        this.#setProfile(intent);
        return;
      case 'profile-remove':
        this.#forget(`profile ${intent.name}`);
        return;
      default:
        return;
    }
  }

  /** Nothing where the rule is gone meanwhile. */
  find(prefix: string): Hit | undefined {
    return this.#hits.get(prefix);
  }

  #setPolicy(update: PolicyUpdate): void {
    const { id, policy, tier } = update;
    // Tiers are few: theirs stay.
    for (const direction of directions) {
      this.#hits.set(flowLogOfTierEnd('deny', direction, tier).prefix, tierEndHit(tier, 'Deny'));
      this.#hits.set(flowLogOfTierEnd('pass', direction, tier).prefix, tierEndHit(tier, 'Pass'));
    }
    this.#set({ type: 'policy', id }, update, (action, index) => policyHit(policy.kind, policy, tier, action, index));
  }

  #setProfile(update: ProfileUpdate): void {
    const { name } = update;
    this.#set({ type: 'profile', id: name }, update, (action, index) => profileHit(name, action, index));
  }

  #set(
    owner: FlowLogOwner,
    rules: Readonly<Record<Direction, readonly ParsedRule[]>>,
    hitOf: (action: HitAction, index: number) => Hit,
  ): void {
    const key = `${owner.type} ${owner.id}`;
    this.#forget(key);
    const prefixes: string[] = [];
    for (const direction of directions) {
      for (const [index, { action }] of rules[direction].entries()) {
        if (action === 'log') continue;
        const { prefix } = flowLogOfRule(owner, direction, index, action);
        this.#hits.set(prefix, hitOf(actions[action], index));
        prefixes.push(prefix);
      }
    }
    this.#prefixes.set(key, prefixes);
  }

  #forget(key: string): void {
    for (const prefix of this.#prefixes.get(key) ?? []) this.#hits.delete(prefix);
    this.#prefixes.delete(key);
  }
}

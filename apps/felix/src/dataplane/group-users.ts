import { groupChainName } from '../rules/names.ts';
import type { RuleOptions } from '../rules/options.ts';
import { renderGroupChain, type GroupChain } from '../rules/policy-groups.ts';
import type { PolicyTarget } from './policy-target.ts';

/** The chains of policy groups, each there as long as some endpoint's chain jumps to it. */
export class GroupUsers {
  readonly #target: Pick<PolicyTarget, 'chains'>;
  readonly #options: RuleOptions;
  readonly #usesOf = new Map<string, ReadonlyMap<string, GroupChain>>();
  readonly #counts = new Map<string, number>();

  constructor(target: Pick<PolicyTarget, 'chains'>, options: RuleOptions) {
    this.#target = target;
    this.#options = options;
  }

  /** Says which chains the user jumps to; none when it is gone. */
  setUses(user: string, groups: readonly GroupChain[]): void {
    const before = this.#usesOf.get(user) ?? new Map<string, GroupChain>();
    const now = new Map(groups.map((group) => [keyOf(group), group]));
    for (const [key, group] of now) if (!before.has(key)) this.#add(key, group);
    for (const [key, group] of before) if (!now.has(key)) this.#remove(key, group);
    if (now.size === 0) this.#usesOf.delete(user);
    else this.#usesOf.set(user, now);
  }

  #add(key: string, group: GroupChain): void {
    const count = this.#counts.get(key) ?? 0;
    this.#counts.set(key, count + 1);
    if (count === 0) this.#target.chains.setChain(renderGroupChain(group, this.#options));
  }

  #remove(key: string, { layer, direction, group }: GroupChain): void {
    const count = this.#counts.get(key) ?? 0;
    if (count > 1) {
      this.#counts.set(key, count - 1);
      return;
    }
    this.#counts.delete(key);
    this.#target.chains.delete(layer, groupChainName(group, direction));
  }
}

/** The chain's place in the kernel: equal for groups of the same policies. */
function keyOf({ layer, direction, group }: GroupChain): string {
  return `${layer} ${groupChainName(group, direction)}`;
}

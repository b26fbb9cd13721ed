import type { HookName, Layer, Rule } from '../../rules/model.ts';
import { chainNameInKernel, isPolicyChain, mapNameInKernel } from './kernel-names.ts';
import { pruneRules, type RulesEnd } from './prune-rules.ts';

interface Node {
  readonly layer: Layer;
  /** Where the kernel calls it; undefined for a chain that only others lead to. */
  readonly hook: HookName | undefined;
  readonly rules: readonly Rule[];
  /** The chains that its rules lead to. */
  readonly targets: ReadonlySet<string>;
  /** The dispatch maps that they look into. */
  readonly maps: ReadonlySet<string>;
}

/**
 * Which chains of a table lead to which, and which of their rules make a difference; all by their names in the kernel.
 * Chains that are there for others' sake, such as host endpoints', have an effect when those others are there.
 */
export class ChainGraph {
  readonly #hasEntries: (map: string) => boolean;
  readonly #nodes = new Map<string, Node>();
  readonly #callers = new Map<string, Set<string>>();
  /** Chains that look into a dispatch map. */
  readonly #dispatching = new Map<string, Set<string>>();
  /** Dispatch maps that have entries, as of the last `settle`. */
  readonly #filledMaps = new Set<string>();
  /** Chains without effect, as of the last `settle`; policies' and profiles' always count as having one. */
  readonly #idle = new Set<string>();
  #unsettled = new Set<string>();

  constructor(hasEntries: (map: string) => boolean) {
    this.#hasEntries = hasEntries;
  }

  /** Adds a chain or replaces its rules. */
  set(name: string, layer: Layer, hook: HookName | undefined, rules: readonly Rule[]): void {
    const old = this.#nodes.get(name);
    const targets = namesIn(rules, ({ action }) =>
      action.kind === 'jump' || action.kind === 'goto' ? chainNameInKernel(layer, action.chain) : undefined,
    );
    const maps = namesIn(rules, ({ action }) =>
      action.kind === 'dispatch' ? mapNameInKernel(layer, action.map) : undefined,
    );
    this.#nodes.set(name, { layer, hook, rules, targets, maps });
    this.#link(name, old, { targets, maps });
    this.#unsettled.add(name);
    // Whether a hook ends with it may be another matter now.
    if (hook !== undefined) for (const target of targets) this.#unsettled.add(target);
  }

  delete(name: string): void {
    this.#link(name, this.#nodes.get(name), undefined);
    this.#nodes.delete(name);
    this.#unsettled.add(name);
  }

  /** Gives the chains that may have other effective rules than after the last call, or be needed where they were not. */
  settle(): ReadonlySet<string> {
    for (const [map, chains] of this.#dispatching) {
      const isFilled = this.#hasEntries(map);
      if (isFilled === this.#filledMaps.has(map)) continue;
      if (isFilled) this.#filledMaps.add(map);
      else this.#filledMaps.delete(map);
      for (const name of chains) this.#unsettled.add(name);
    }
    const changed = new Set<string>();
    // Those that are added on the way are met as well; no chain leads back to itself, so that it ends.
    for (const name of this.#unsettled) {
      this.#unsettled.delete(name);
      changed.add(name);
      const node = this.#nodes.get(name);
      const isIdle = node !== undefined && !isPolicyChain(name) && this.effectiveRules(name).length === 0;
      if (isIdle === this.#idle.has(name)) continue;
      if (isIdle) this.#idle.add(name);
      else this.#idle.delete(name);
      for (const caller of this.#callers.get(name) ?? []) this.#unsettled.add(caller);
    }
    return changed;
  }

  /** Those of a chain's rules that make a difference; of policies' and profiles' chains all. */
  effectiveRules(name: string): readonly Rule[] {
    const node = this.#nodes.get(name);
    if (node === undefined || isPolicyChain(name)) return node?.rules ?? [];
    const { layer, rules } = node;
    return pruneRules(rules, this.#endOf(name, node), {
      isIdle: (target) => this.#idle.has(chainNameInKernel(layer, target)),
      hasEntries: (map) => this.#filledMaps.has(mapNameInKernel(layer, map)),
    });
  }

  /**
   * Whether the kernel has to have the chain: a hook's as long as it does something, a policy's or profile's as long as a
   * rule leads to it, any other. As of the last `settle`.
   */
  isNeeded(name: string): boolean {
    const node = this.#nodes.get(name);
    if (node === undefined) return false;
    if (node.hook !== undefined) return !this.#idle.has(name);
    return !isPolicyChain(name) || this.#callers.has(name);
  }

  /** A chain to which nothing but a hook's last rule leads ends where the hook does. */
  #endOf(name: string, { layer, hook }: Node): RulesEnd {
    if (hook !== undefined) return { layer, hook };
    const [caller, ...others] = this.#callers.get(name) ?? [];
    const calling = caller === undefined || others.length > 0 ? undefined : this.#nodes.get(caller);
    if (calling?.hook === undefined) return 'caller';
    const ways = calling.rules.filter(({ action }) => 'chain' in action);
    const last = calling.rules.at(-1);
    const isEnd = ways.length === 1 && ways[0] === last && last?.matches.length === 0;
    return isEnd ? { layer: calling.layer, hook: calling.hook } : 'caller';
  }

  #link(name: string, old: Pick<Node, 'targets' | 'maps'> | undefined, next: typeof old): void {
    for (const map of old?.maps ?? []) remove(this.#dispatching, map, name);
    for (const map of next?.maps ?? []) add(this.#dispatching, map, name);
    for (const target of next?.targets ?? []) {
      if (old?.targets.has(target) !== true && add(this.#callers, target, name) < 3) this.#unsettled.add(target);
    }
    for (const target of old?.targets ?? []) {
      if (next?.targets.has(target) !== true && remove(this.#callers, target, name) < 2) this.#unsettled.add(target);
    }
  }
}

const none: ReadonlySet<string> = new Set<string>();

/** There may be tens of thousands of chains, most of which lead nowhere. */
function namesIn(rules: readonly Rule[], nameIn: (rule: Rule) => string | undefined): ReadonlySet<string> {
  const names = rules.map(nameIn).filter((name) => name !== undefined);
  return names.length === 0 ? none : new Set(names);
}

/** Gives how many there are then. */
function add(sets: Map<string, Set<string>>, key: string, name: string): number {
  const known = sets.get(key) ?? new Set();
  sets.set(key, known.add(name));
  return known.size;
}

/** Gives how many are left. */
function remove(sets: Map<string, Set<string>>, key: string, name: string): number {
  const known = sets.get(key);
  known?.delete(name);
  if (known?.size === 0) sets.delete(key);
  return known?.size ?? 0;
}

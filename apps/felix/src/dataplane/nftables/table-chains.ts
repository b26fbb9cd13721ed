import type { KernelChain, KernelRule } from '@calico-node/netlink/nftables';
import type { IpSetId } from '../../calc/ip-set.ts';
import type { Chain, Hook, Layer, Rule } from '../../rules/model.ts';
import { ChainGraph } from './chain-graph.ts';
import { baseChainName, chainNameInKernel } from './kernel-names.ts';
import type { TablePorts } from './table-ports.ts';
import {
  expectedFingerprint,
  fingerprintOf,
  planChain,
  planHook,
  planRefusal,
  type ChainContext,
  type ChainPlan,
} from './render-chain.ts';

/** What the kernel has under a chain's name. */
interface ActualChain {
  /** How it is hooked in; undefined for a chain that is only jumped to. */
  readonly base: string | undefined;
  /** Of the rules, when they are exactly those of one chain of ours. */
  readonly fingerprint: string | undefined;
  readonly ruleCount: number;
}

interface DesiredChain {
  readonly plan: (rules: readonly Rule[], context: ChainContext) => ChainPlan;
  readonly sets: ReadonlySet<IpSetId>;
}

/** A difference between what should be and what is. */
export interface ChainChange {
  readonly plan: ChainPlan;
  /** What stands there now: nothing, the chain with these rules, or a chain of that name that is hooked in otherwise. */
  readonly standing: 'nothing' | 'same' | 'other';
  /** Whether what stands there has rules. */
  readonly hasRules: boolean;
}

/**
 * The chains of one table: what should be, and what the kernel has. Chains of policies and profiles are there as long as
 * a rule leads to them: the kernel passes every chain of a table when policy changes, and most have policy one way only.
 * Hooks are there as long as their rules make a difference, since every packet passes them (`ChainGraph`).
 */
export class TableChains {
  readonly #desired = new Map<string, DesiredChain>();
  #actual = new Map<string, ActualChain>();
  #dirty = new Set<string>();
  readonly #usersOf = new Map<IpSetId, Set<string>>();
  readonly #graph: ChainGraph;
  readonly #ports: TablePorts;
  /** Chains that the kernel refused in the form that they have now, and its word on them. */
  readonly #refused = new Map<string, string>();

  /**
   * @param hasEntries of a dispatch map, by its name in the kernel: whether it is to have any.
   * @param ports is told what the rules look for in it.
   */
  constructor(hasEntries: (map: string) => boolean, ports: TablePorts) {
    this.#graph = new ChainGraph(hasEntries);
    this.#ports = ports;
  }

  get chainCount(): number {
    return this.#actual.size;
  }

  get ruleCount(): number {
    let count = 0;
    for (const { ruleCount } of this.#actual.values()) count += ruleCount;
    return count;
  }

  /** The kernel's words on chains that drop everything because it refused their rules. */
  get refused(): ReadonlyMap<string, string> {
    return this.#refused;
  }

  setChain(chain: Chain): void {
    const name = chainNameInKernel(chain.layer, chain.name);
    this.#graph.set(name, chain.layer, undefined, chain.rules);
    this.#set(name, chain.rules, (rules, context) => planChain({ ...chain, rules }, context));
  }

  setHook(hook: Hook): void {
    const name = baseChainName(hook.layer, hook.hook);
    const all = [...hook.rules, ...hook.appendedRules];
    this.#graph.set(name, hook.layer, hook.hook, all);
    this.#set(name, all, (rules, context) => planHook({ ...hook, rules, appendedRules: [] }, context));
  }

  delete(layer: Layer, name: string): void {
    const kernelName = chainNameInKernel(layer, name);
    this.#unlink(kernelName);
    this.#graph.delete(kernelName);
    this.#desired.delete(kernelName);
    this.#refused.delete(kernelName);
    this.#dirty.add(kernelName);
  }

  /** The rules that look into the set have to be made anew. */
  touchUsersOf(set: IpSetId): void {
    for (const name of this.#usersOf.get(set) ?? []) this.#dirty.add(name);
  }

  /** From now on the chain drops everything, until it is set anew. */
  refuse(name: string, reason: string): void {
    this.#refused.set(name, reason);
    this.#dirty.add(name);
  }

  /** Gives chains that were refused another try. */
  forgive(): void {
    for (const name of this.#refused.keys()) this.#dirty.add(name);
    this.#refused.clear();
  }

  /** Takes what a dump found. */
  takeActual(chains: readonly KernelChain[], rules: readonly KernelRule[]): void {
    const comments = new Map<string, (string | undefined)[]>();
    for (const { chain, comment } of rules) {
      const known = comments.get(chain);
      if (known === undefined) comments.set(chain, [comment]);
      else known.push(comment);
    }
    const before = this.#actual;
    this.#actual = new Map(
      chains.map(({ name, base }) => {
        const ofChain = comments.get(name) ?? [];
        return [name, { base: baseText(base), fingerprint: fingerprintOf(ofChain), ruleCount: ofChain.length }];
      }),
    );
    // What is as it was left needs no second look: to render every chain anew takes long.
    for (const name of new Set([...before.keys(), ...this.#actual.keys()])) {
      if (!isSameChain(before.get(name), this.#actual.get(name))) this.#dirty.add(name);
    }
  }

  /** Whether the kernel calls chains of ours at every hook, so that it drops what it does not know. */
  isHookedIn(): boolean {
    this.#settle();
    return [...this.#desired.keys()].every((name) => {
      const actual = this.#actual.get(name);
      const isThere = actual?.base !== undefined && actual.fingerprint !== undefined;
      return !isBaseName(name) || isThere || !this.#graph.isNeeded(name);
    });
  }

  /** Chains to create or to fill anew. From here on the set of ports is to have what all chains look for. */
  changes(context: ChainContext): ChainChange[] {
    this.#settle();
    const changes: ChainChange[] = [];
    for (const name of this.#dirty) {
      const desired = this.#desired.get(name);
      const actual = this.#actual.get(name);
      if (desired === undefined || !this.#graph.isNeeded(name)) {
        this.#ports.replace(name, []);
        if (actual === undefined) this.#dirty.delete(name);
        continue;
      }
      const wanted = desired.plan(this.#graph.effectiveRules(name), context);
      const plan = this.#refused.has(name) ? planRefusal(wanted) : wanted;
      this.#ports.replace(name, plan.ports);
      const isSame =
        actual !== undefined &&
        actual.base === baseText(plan.base) &&
        actual.ruleCount === plan.rules.length &&
        actual.fingerprint === expectedFingerprint(plan);
      const standing =
        actual === undefined ? 'nothing' : actual.base === baseText(plan.base) ? ('same' as const) : ('other' as const);
      if (isSame) this.#dirty.delete(name);
      else changes.push({ plan, standing, hasRules: (actual?.ruleCount ?? 0) > 0 });
    }
    return changes;
  }

  /** Chains that the kernel has and nobody wants. */
  deletions(): string[] {
    return [...this.#dirty].filter((name) => !this.#graph.isNeeded(name) && this.#actual.has(name));
  }

  /** The kernel has made the changes. Nothing was set meanwhile. */
  commit(changes: readonly ChainChange[], deletions: readonly string[]): void {
    for (const { plan } of changes) {
      this.#actual.set(plan.name, {
        base: baseText(plan.base),
        fingerprint: expectedFingerprint(plan),
        ruleCount: plan.rules.length,
      });
      this.#dirty.delete(plan.name);
    }
    for (const name of deletions) {
      this.#actual.delete(name);
      this.#dirty.delete(name);
    }
  }

  #settle(): void {
    for (const name of this.#graph.settle()) this.#dirty.add(name);
  }

  #set(name: string, rules: readonly Rule[], plan: DesiredChain['plan']): void {
    this.#unlink(name);
    const sets = setsOf(rules);
    this.#desired.set(name, { plan, sets });
    this.#refused.delete(name);
    this.#dirty.add(name);
    for (const set of sets) {
      const users = this.#usersOf.get(set);
      if (users === undefined) this.#usersOf.set(set, new Set([name]));
      else users.add(name);
    }
  }

  #unlink(name: string): void {
    for (const set of this.#desired.get(name)?.sets ?? []) {
      const users = this.#usersOf.get(set);
      users?.delete(name);
      if (users?.size === 0) this.#usersOf.delete(set);
    }
  }
}

function isSameChain(a: ActualChain | undefined, b: ActualChain | undefined): boolean {
  if (a?.fingerprint === undefined || b?.fingerprint === undefined) return false;
  return a.base === b.base && a.fingerprint === b.fingerprint && a.ruleCount === b.ruleCount;
}

/** Names of chains that the kernel calls have no `cali-` after the layer. */
function isBaseName(name: string): boolean {
  return /^\w+-[A-Z]+$/.test(name);
}

function baseText(base: KernelChain['base']): string | undefined {
  return base === undefined ? undefined : `${base.type} ${base.hook ?? '?'} ${base.priority} ${base.policy}`;
}

function setsOf(rules: readonly Rule[]): ReadonlySet<IpSetId> {
  const sets = new Set<IpSetId>();
  for (const { matches } of rules) {
    for (const match of matches) if (match.kind === 'set' || match.kind === 'port-set') sets.add(match.set);
  }
  return sets;
}

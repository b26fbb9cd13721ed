/**
 * One table (filter, nat, mangle or raw) of one address family: what should be in it beside what is, and the text for
 * `iptables-restore --noflush` that leads from one to the other in one transaction.
 */
import type { Family } from '@calico-node/net';
import type { Chain, DispatchMap, Hook, Layer } from '../../rules/model.ts';
import { renderChain, renderHook, renderRefusal, type RenderedChain, type RenderedRule } from './render-chain.ts';
import type { SavedRule, SavedTable } from './save-output.ts';

/** Whether our rules go before or after the others of a built-in chain. */
export type ChainInsertMode = 'insert' | 'append';

/** Whether a chain of that name is ours, to change and to delete; `felix-` was used long ago. */
export function isOwnChain(name: string): boolean {
  return /^(?:cali|felix)-/.test(name);
}

interface DesiredHook {
  readonly first: readonly RenderedRule[];
  readonly last: readonly RenderedRule[];
}

/** A change of one table, as restore takes it. */
export interface TablePlan {
  readonly layer: Layer;
  /** From `*<table>` to `COMMIT`; none when there is nothing to do. */
  readonly lines: readonly string[];
  /** The chain of the rule model that a line fills, by the line's index. */
  readonly owners: ReadonlyMap<number, string>;
  /** What changes, a text each. */
  readonly changes: readonly string[];
  /** Chains as they will be; `undefined`: gone. */
  readonly after: ReadonlyMap<string, string | undefined>;
  readonly hooks: readonly string[];
}

export class IptablesTable {
  readonly layer: Layer;
  readonly #family: Family;
  readonly #insertMode: ChainInsertMode;
  readonly #mapOf: (name: string) => DispatchMap;
  readonly #sources = new Map<string, Chain>();
  readonly #dirtySources = new Set<string>();
  /** Chains that look interfaces up. */
  readonly #dispatchers = new Set<string>();
  readonly #refused = new Map<string, string>();
  /** Chains that nobody wants, and that rules of others lead to: they can be emptied, not deleted. */
  readonly #held = new Set<string>();
  /** What each chain of the model has become. */
  readonly #partsOf = new Map<string, readonly RenderedChain[]>();
  readonly #desired = new Map<
    string,
    { readonly chain: RenderedChain; readonly owner: string; readonly key: string }
  >();
  readonly #hooks = new Map<string, DesiredHook>();
  /** Our chains' hashes in the kernel, by name. */
  #actual = new Map<string, string>();
  #actualHooks = new Map<string, readonly SavedRule[]>();
  readonly #dirty = new Set<string>();
  readonly #dirtyHooks = new Set<string>();

  constructor(layer: Layer, family: Family, insertMode: ChainInsertMode, mapOf: (name: string) => DispatchMap) {
    this.layer = layer;
    this.#family = family;
    this.#insertMode = insertMode;
    this.#mapOf = mapOf;
  }

  get chainCount(): number {
    return this.#actual.size;
  }

  get ruleCount(): number {
    let count = 0;
    for (const key of this.#actual.values()) if (key !== '') count += key.split(' ').length;
    return count;
  }

  /** What iptables said of chains that drop everything because it refused their rules. */
  get refused(): ReadonlyMap<string, string> {
    return this.#refused;
  }

  /** Chains that stay, empty, because somebody else's rules lead to them. */
  get held(): ReadonlySet<string> {
    return this.#held;
  }

  setChain(chain: Chain): void {
    if (this.#sources.get(chain.name)?.hash === chain.hash && !this.#refused.has(chain.name)) return;
    this.#sources.set(chain.name, chain);
    this.#refused.delete(chain.name);
    this.#dirtySources.add(chain.name);
    if (chain.rules.some(({ action }) => action.kind === 'dispatch')) this.#dispatchers.add(chain.name);
    else this.#dispatchers.delete(chain.name);
  }

  setHook(hook: Hook): void {
    const name = hook.hook.toUpperCase();
    this.#hooks.set(name, renderHook(hook, this.#family));
    this.#dirtyHooks.add(name);
  }

  delete(name: string): void {
    this.#sources.delete(name);
    this.#dispatchers.delete(name);
    this.#refused.delete(name);
    this.#dirtySources.add(name);
  }

  /** A dispatch map has changed: chains that look interfaces up have to be rendered anew. */
  touchDispatchers(): void {
    for (const name of this.#dispatchers) this.#dirtySources.add(name);
  }

  /** From now on the chain drops everything, until it is set anew. */
  refuse(name: string, reason: string): void {
    this.#refused.set(name, reason);
    this.#dirtySources.add(name);
  }

  /** Somebody else's rule leads to the chain: it is not deleted before the next `forgive`. */
  hold(name: string): void {
    this.#held.add(name);
  }

  /** Gives chains that were refused, or that could not be deleted, another try. */
  forgive(): void {
    this.#held.clear();
    for (const name of this.#refused.keys()) this.#dirtySources.add(name);
    this.#refused.clear();
  }

  /** Takes what the kernel has. Gives what of ours is not as it was left, a text each. */
  takeActual(saved: SavedTable | undefined): string[] {
    const before = this.#actual;
    const hooksBefore = this.#actualHooks;
    this.#actual = new Map();
    this.#actualHooks = new Map();
    for (const [name, { isBuiltIn, rules }] of saved ?? []) {
      if (isBuiltIn) this.#actualHooks.set(name, rules);
      else if (isOwnChain(name)) this.#actual.set(name, rules.map(({ hash }) => hash || '?').join(' '));
    }
    for (const name of [...this.#desired.keys(), ...this.#actual.keys()]) this.#dirty.add(name);
    for (const name of [...this.#hooks.keys(), ...this.#actualHooks.keys()]) this.#dirtyHooks.add(name);
    const names = new Set([...before.keys(), ...this.#actual.keys()]);
    const changed = [...names].filter((name) => before.get(name) !== this.#actual.get(name));
    for (const [name, { first, last }] of this.#hooks) {
      const wasRight = isHookRight(hooksBefore.get(name) ?? [], first, last, this.#insertMode);
      if (wasRight && !this.#isHookRight(name)) changed.push(name);
    }
    return changed.map((name) => `${this.layer} ${name}`);
  }

  /** Whether the kernel calls a chain of ours at every hook, so that it drops what it does not know. */
  isHookedIn(): boolean {
    return [...this.#hooks].every(([name, { first, last }]) => {
      const wanted = [...first, ...last].length > 0;
      return !wanted || (this.#actualHooks.get(name) ?? []).some(({ hash }) => hash !== '');
    });
  }

  /** What there is to do. Without `mayDelete`, chains that nobody wants stay. */
  plan(mayDelete: boolean): TablePlan {
    this.#render();
    const fills: RenderedChain[] = [];
    const deletions: string[] = [];
    const emptied: string[] = [];
    const after = new Map<string, string | undefined>();
    for (const name of this.#dirty) {
      const desired = this.#desired.get(name);
      if (desired === undefined) {
        if (!this.#actual.has(name) || !mayDelete) continue;
        if (!this.#held.has(name)) deletions.push(name);
        else if (this.#actual.get(name) !== '') emptied.push(name);
      } else if (this.#actual.get(name) !== desired.key) fills.push(desired.chain);
    }
    const hooks = [...this.#dirtyHooks].filter((name) => !this.#isHookRight(name));
    if (fills.length + deletions.length + emptied.length + hooks.length === 0) {
      return { layer: this.layer, lines: [], owners: new Map(), changes: [], after, hooks };
    }
    const lines = [`*${this.layer}`];
    const owners = new Map<number, string>();
    // Naming a chain makes it, or empties it: all are there before a rule leads to them.
    for (const name of [...fills.map((chain) => chain.name), ...deletions, ...emptied]) lines.push(`:${name} - [0:0]`);
    for (const { name, rules } of fills) {
      const owner = this.#desired.get(name)?.owner;
      for (const { text } of rules) {
        if (owner !== undefined) owners.set(lines.length, owner);
        lines.push(`-A ${name} ${text}`);
      }
      after.set(name, this.#desired.get(name)?.key);
    }
    for (const name of hooks) lines.push(...this.#hookLines(name));
    for (const name of deletions) {
      lines.push(`-X ${name}`);
      after.set(name, undefined);
    }
    for (const name of emptied) after.set(name, '');
    lines.push('COMMIT');
    const changes = [
      ...fills.map(({ name }) => `${this.layer} ${name} ${this.#actual.has(name) ? 'rewritten' : 'added'}`),
      ...hooks.map((name) => `${this.layer} ${name} hooked in`),
      ...deletions.map((name) => `${this.layer} ${name} deleted`),
      ...emptied.map((name) => `${this.layer} ${name} emptied`),
    ];
    return { layer: this.layer, lines, owners, changes, after, hooks };
  }

  /** The kernel has done it. Nothing was set meanwhile. */
  commit({ after, hooks }: TablePlan): void {
    for (const [name, key] of after) {
      if (key === undefined) this.#actual.delete(name);
      else this.#actual.set(name, key);
    }
    for (const name of hooks) {
      const { first = [], last = [] } = this.#hooks.get(name) ?? {};
      const foreign = (this.#actualHooks.get(name) ?? []).filter(({ hash }) => hash === '');
      const around = this.#insertMode === 'insert' ? [...first, ...foreign] : [...foreign, ...first];
      this.#actualHooks.set(name, [...around, ...last]);
      this.#dirtyHooks.delete(name);
    }
    for (const name of this.#dirty) {
      if (this.#desired.get(name)?.key === this.#actual.get(name)) this.#dirty.delete(name);
    }
  }

  #render(): void {
    const context = { family: this.#family, dispatchMap: this.#mapOf };
    for (const name of this.#dirtySources) {
      const source = this.#sources.get(name);
      const parts =
        source === undefined
          ? []
          : this.#refused.has(name)
            ? [renderRefusal(name, this.#family)]
            : renderChain(source, context);
      for (const part of this.#partsOf.get(name) ?? []) {
        this.#desired.delete(part.name);
        this.#dirty.add(part.name);
      }
      for (const chain of parts) {
        const key = chain.rules.map(({ hash }) => hash).join(' ');
        this.#desired.set(chain.name, { chain, owner: name, key });
        this.#dirty.add(chain.name);
      }
      if (parts.length === 0) this.#partsOf.delete(name);
      else this.#partsOf.set(name, parts);
    }
    this.#dirtySources.clear();
  }

  #isHookRight(name: string): boolean {
    const { first = [], last = [] } = this.#hooks.get(name) ?? {};
    return isHookRight(this.#actualHooks.get(name) ?? [], first, last, this.#insertMode);
  }

  /** Takes our rules out of a built-in chain and puts them in anew; the others stay as they are. */
  #hookLines(name: string): string[] {
    const { first = [], last = [] } = this.#hooks.get(name) ?? {};
    const old = (this.#actualHooks.get(name) ?? []).filter(({ hash }) => hash !== '');
    return [
      ...old.map(({ text }) => `-D ${name} ${text}`),
      ...(this.#insertMode === 'insert'
        ? first.toReversed().map(({ text }) => `-I ${name} ${text}`)
        : first.map(({ text }) => `-A ${name} ${text}`)),
      ...last.map(({ text }) => `-A ${name} ${text}`),
    ];
  }
}

/** Whether ours are at the ends where they should be, in their order, and nowhere else. */
function isHookRight(
  actual: readonly SavedRule[],
  first: readonly RenderedRule[],
  last: readonly RenderedRule[],
  insertMode: ChainInsertMode,
): boolean {
  const foreign = Array<string>(Math.max(0, actual.length - first.length - last.length)).fill('');
  const begin =
    insertMode === 'insert'
      ? [...first.map(({ hash }) => hash), ...foreign]
      : [...foreign, ...first.map(({ hash }) => hash)];
  const wanted = [...begin, ...last.map(({ hash }) => hash)];
  return wanted.length === actual.length && actual.every(({ hash }, index) => hash === wanted[index]);
}

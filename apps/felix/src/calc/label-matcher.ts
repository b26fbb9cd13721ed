/**
 * Which selectors match which items, kept up to date as either changes.
 *
 * The work for a change is proportional to the selectors or items that could be touched by it: each
 * selector is filed under one label that it requires (with its values where it names them), and each
 * label and value knows the items and parents that carry it. Only selectors that require nothing
 * (`all()`, `!has(x)`) are looked at for every item.
 *
 * Items inherit labels from parents (profiles): own labels win, then the first parent that has it.
 */
import type { Labels, LabelRequirement, Selector } from '@calico-node/selector';
import { LabelTable, Multimap } from './label-table.ts';

/** Told of each pair that begins or ceases to match; never of a pair that goes on matching. */
export interface MatchListener<SelectorId, ItemId> {
  matchStarted(selector: SelectorId, item: ItemId): void;
  matchStopped(selector: SelectorId, item: ItemId): void;
}

export type LabelMap = ReadonlyMap<string, string>;

interface Item<SelectorId> {
  labels: LabelMap;
  parents: readonly string[];
  /** Selectors that match. */
  readonly matches: Set<SelectorId>;
}

interface Entry<ItemId> {
  readonly selector: Selector;
  readonly filedUnder: Filing;
  /** Items that match. */
  readonly matches: Set<ItemId>;
}

/** Where a selector is found by an item's labels; `never` is a selector that nothing can match. */
type Filing =
  | { readonly by: 'value'; readonly label: string; readonly values: ReadonlySet<string> }
  | { readonly by: 'presence'; readonly label: string }
  | { readonly by: 'nothing' }
  | { readonly by: 'never' };

/** Where items are looked for when a selector comes, by Calico's words. */
export type Scan = 'no-match' | 'single-value' | 'multi-value' | 'label-name' | 'full-scan';

/** What was done since start. */
export interface MatchingWork {
  /** Askings of a selector whether it selects something, by the answer. */
  matched: number;
  unmatched: number;
  readonly scans: Record<Scan, number>;
}

const none: ReadonlySet<never> = new Set<never>();

export class LabelMatcher<SelectorId, ItemId> {
  readonly #listener: MatchListener<SelectorId, ItemId>;
  readonly #items = new Map<ItemId, Item<SelectorId>>();
  readonly #parents = new Map<string, LabelMap>();
  readonly #children = new Multimap<string, ItemId>();
  readonly #selectors = new Map<SelectorId, Entry<ItemId>>();
  readonly #unfiled = new Set<SelectorId>();
  readonly #byPresence = new Multimap<string, SelectorId>();
  readonly #byValue = new LabelTable<SelectorId>();
  readonly #itemsByLabel = new LabelTable<ItemId>();
  readonly #parentsByLabel = new LabelTable<string>();
  readonly work: MatchingWork = {
    matched: 0,
    unmatched: 0,
    scans: { 'no-match': 0, 'single-value': 0, 'multi-value': 0, 'label-name': 0, 'full-scan': 0 },
  };

  constructor(listener: MatchListener<SelectorId, ItemId>) {
    this.#listener = listener;
  }

  /** Selectors that each item has to be asked of. */
  get unfiledCount(): number {
    return this.#unfiled.size;
  }

  /** The items that the selector matches now; empty for an unknown one. */
  itemsOf(id: SelectorId): ReadonlySet<ItemId> {
    return this.#selectors.get(id)?.matches ?? none;
  }

  /** The selectors that match the item now; empty for an unknown one. */
  selectorsOf(id: ItemId): ReadonlySet<SelectorId> {
    return this.#items.get(id)?.matches ?? none;
  }

  /** Adds or replaces a selector. */
  setSelector(id: SelectorId, selector: Selector): void {
    const old = this.#selectors.get(id);
    if (old?.selector.canonical === selector.canonical) return;
    const filedUnder = this.#filingOf(selector);
    const entry: Entry<ItemId> = { selector, filedUnder, matches: old?.matches ?? new Set() };
    if (old !== undefined) this.#unfile(id, old.filedUnder);
    this.#selectors.set(id, entry);
    this.#file(id, filedUnder);
    this.work.scans[scanOf(filedUnder)] += 1;
    for (const itemId of [...entry.matches]) this.#check(id, entry, itemId);
    for (const itemId of this.#itemsThatCouldMatch(filedUnder)) this.#check(id, entry, itemId);
  }

  deleteSelector(id: SelectorId): void {
    const entry = this.#selectors.get(id);
    if (entry === undefined) return;
    this.#unfile(id, entry.filedUnder);
    this.#selectors.delete(id);
    for (const itemId of entry.matches) {
      this.#items.get(itemId)?.matches.delete(id);
      this.#listener.matchStopped(id, itemId);
    }
  }

  /** Adds an item or replaces its labels and parents. */
  setItem(id: ItemId, labels: LabelMap, parents: readonly string[]): void {
    const old = this.#items.get(id);
    const item: Item<SelectorId> = old ?? { labels: new Map(), parents: [], matches: new Set() };
    if (old !== undefined) this.#unindexItem(id, old);
    item.labels = labels;
    item.parents = parents;
    this.#items.set(id, item);
    this.#indexItem(id, item);
    this.#checkItem(id, item);
  }

  deleteItem(id: ItemId): void {
    const item = this.#items.get(id);
    if (item === undefined) return;
    this.#unindexItem(id, item);
    this.#items.delete(id);
    for (const selectorId of item.matches) {
      this.#selectors.get(selectorId)?.matches.delete(id);
      this.#listener.matchStopped(selectorId, id);
    }
  }

  /** Sets the labels that a parent gives to its items; an empty map takes them away. */
  setParent(name: string, labels: LabelMap): void {
    for (const [label, value] of this.#parents.get(name) ?? []) this.#parentsByLabel.delete(label, value, name);
    if (labels.size === 0) this.#parents.delete(name);
    else this.#parents.set(name, labels);
    for (const [label, value] of labels) this.#parentsByLabel.add(label, value, name);
    for (const itemId of this.#children.get(name)) {
      const item = this.#items.get(itemId);
      if (item !== undefined) this.#checkItem(itemId, item);
    }
  }

  #checkItem(id: ItemId, item: Item<SelectorId>): void {
    const labels = this.#effectiveLabels(item);
    const candidates = new Set(item.matches);
    for (const selectorId of this.#unfiled) candidates.add(selectorId);
    for (const [label, value] of this.#carriedLabels(item)) {
      for (const selectorId of this.#byPresence.get(label)) candidates.add(selectorId);
      for (const selectorId of this.#byValue.get(label, value)) candidates.add(selectorId);
    }
    for (const selectorId of candidates) {
      const entry = this.#selectors.get(selectorId);
      if (entry !== undefined) this.#record(selectorId, entry, id, item, entry.selector.evaluate(labels));
    }
  }

  #check(id: SelectorId, entry: Entry<ItemId>, itemId: ItemId): void {
    const item = this.#items.get(itemId);
    if (item !== undefined) this.#record(id, entry, itemId, item, entry.selector.evaluate(this.#effectiveLabels(item)));
  }

  #record(id: SelectorId, entry: Entry<ItemId>, itemId: ItemId, item: Item<SelectorId>, isMatch: boolean): void {
    if (isMatch) this.work.matched += 1;
    else this.work.unmatched += 1;
    if (isMatch === entry.matches.has(itemId)) return;
    if (isMatch) {
      entry.matches.add(itemId);
      item.matches.add(id);
      this.#listener.matchStarted(id, itemId);
    } else {
      entry.matches.delete(itemId);
      item.matches.delete(id);
      this.#listener.matchStopped(id, itemId);
    }
  }

  #effectiveLabels({ labels, parents }: Item<SelectorId>): Labels {
    if (parents.length === 0) return labels;
    return {
      get: (name) => {
        const own = labels.get(name);
        if (own !== undefined) return own;
        for (const parent of parents) {
          const inherited = this.#parents.get(parent)?.get(name);
          if (inherited !== undefined) return inherited;
        }
        return undefined;
      },
    };
  }

  /** Own and inherited labels; an overridden one may come along, which costs one needless look. */
  *#carriedLabels({ labels, parents }: Item<SelectorId>): Iterable<readonly [string, string]> {
    yield* labels;
    for (const parent of parents) yield* this.#parents.get(parent) ?? [];
  }

  #indexItem(id: ItemId, { labels, parents }: Item<SelectorId>): void {
    for (const [label, value] of labels) this.#itemsByLabel.add(label, value, id);
    for (const parent of parents) this.#children.add(parent, id);
  }

  #unindexItem(id: ItemId, { labels, parents }: Item<SelectorId>): void {
    for (const [label, value] of labels) this.#itemsByLabel.delete(label, value, id);
    for (const parent of parents) this.#children.delete(parent, id);
  }

  /** Files a selector under the requirement that the fewest items meet at the moment. */
  #filingOf(selector: Selector): Filing {
    let best: Filing = { by: 'nothing' };
    let fewest = Infinity;
    for (const [label, requirement] of selector.requiredLabels) {
      if (requirement.oneOf?.size === 0) return { by: 'never' };
      const filing = filingUnder(label, requirement);
      const size = this.#countCouldMatch(filing, fewest);
      if (size >= fewest) continue;
      best = filing;
      fewest = size;
    }
    return best;
  }

  /** How many items carry what the filing asks for; stops counting at `limit`. */
  #countCouldMatch(filing: Filing, limit: number): number {
    let count = 0;
    for (const [items, parents] of this.#carriersOf(filing)) {
      count += items.size;
      for (const parent of parents) count += this.#children.get(parent).size;
      if (count >= limit) break;
    }
    return count;
  }

  *#itemsThatCouldMatch(filing: Filing): Iterable<ItemId> {
    if (filing.by === 'nothing') {
      yield* this.#items.keys();
      return;
    }
    for (const [items, parents] of this.#carriersOf(filing)) {
      yield* items;
      for (const parent of parents) yield* this.#children.get(parent);
    }
  }

  *#carriersOf(filing: Filing): Iterable<readonly [ReadonlySet<ItemId>, ReadonlySet<string>]> {
    if (filing.by === 'nothing' || filing.by === 'never') return;
    const { label } = filing;
    const values =
      filing.by === 'value'
        ? filing.values
        : new Set([...this.#itemsByLabel.values(label), ...this.#parentsByLabel.values(label)]);
    for (const value of values) yield [this.#itemsByLabel.get(label, value), this.#parentsByLabel.get(label, value)];
  }

  #file(id: SelectorId, filing: Filing): void {
    if (filing.by === 'nothing') this.#unfiled.add(id);
    else if (filing.by === 'presence') this.#byPresence.add(filing.label, id);
    else if (filing.by === 'value') for (const value of filing.values) this.#byValue.add(filing.label, value, id);
  }

  #unfile(id: SelectorId, filing: Filing): void {
    if (filing.by === 'nothing') this.#unfiled.delete(id);
    else if (filing.by === 'presence') this.#byPresence.delete(filing.label, id);
    else if (filing.by === 'value') for (const value of filing.values) this.#byValue.delete(filing.label, value, id);
  }
}

function scanOf(filing: Filing): Scan {
  switch (filing.by) {
    case 'value':
      return filing.values.size === 1 ? 'single-value' : 'multi-value';
    case 'presence':
      return 'label-name';
    case 'nothing':
      return 'full-scan';
    case 'never':
      return 'no-match';
  }
}

function filingUnder(label: string, { oneOf }: LabelRequirement): Filing {
  return oneOf === undefined ? { by: 'presence', label } : { by: 'value', label, values: oneOf };
}

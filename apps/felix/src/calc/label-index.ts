import type { Selector } from '@calico-node/selector';
import { LabelMatcher, type LabelMap, type MatchListener } from './label-matcher.ts';

export type { LabelMap, MatchListener } from './label-matcher.ts';

/** Items that have the very same labels and parents: what matches one matches all. */
interface LabelClass<ItemId> {
  readonly labels: LabelMap;
  readonly parents: readonly string[];
  readonly items: Set<ItemId>;
}

const none: ReadonlySet<never> = new Set<never>();

/**
 * Which selectors match which items, kept up to date as either changes.
 *
 * Most of a cluster's endpoints are alike, so selectors are asked once for each class of items and not once for each
 * item. Items are of one class when their label maps and parent lists are the same objects (`LabelInterner`).
 */
export class LabelIndex<SelectorId, ItemId> {
  readonly #listener: MatchListener<SelectorId, ItemId>;
  readonly #classOf = new Map<ItemId, LabelClass<ItemId>>();
  readonly #classes = new Map<LabelMap, Map<readonly string[], LabelClass<ItemId>>>();
  readonly #matcher: LabelMatcher<SelectorId, LabelClass<ItemId>>;

  constructor(listener: MatchListener<SelectorId, ItemId>) {
    this.#listener = listener;
    this.#matcher = new LabelMatcher({
      matchStarted: (selector, { items }) => {
        for (const item of items) listener.matchStarted(selector, item);
      },
      matchStopped: (selector, { items }) => {
        for (const item of items) listener.matchStopped(selector, item);
      },
    });
  }

  /** The items that the selector matches now; none for an unknown one. */
  *itemsOf(id: SelectorId): Iterable<ItemId> {
    for (const { items } of this.#matcher.itemsOf(id)) yield* items;
  }

  /** Whether the selector matches any item now. */
  isMatched(id: SelectorId): boolean {
    return this.#matcher.itemsOf(id).size > 0;
  }

  /** The selectors that match the item now; empty for an unknown one. */
  selectorsOf(id: ItemId): ReadonlySet<SelectorId> {
    const own = this.#classOf.get(id);
    return own === undefined ? none : this.#matcher.selectorsOf(own);
  }

  /** Adds or replaces a selector. */
  setSelector(id: SelectorId, selector: Selector): void {
    this.#matcher.setSelector(id, selector);
  }

  deleteSelector(id: SelectorId): void {
    this.#matcher.deleteSelector(id);
  }

  /** Adds an item or replaces its labels and parents. */
  setItem(id: ItemId, labels: LabelMap, parents: readonly string[]): void {
    const old = this.#classOf.get(id);
    const next = this.#classWith(labels, parents);
    if (old === next) return;
    const before = old === undefined ? none : this.#matcher.selectorsOf(old);
    const after = this.#matcher.selectorsOf(next);
    next.items.add(id);
    this.#classOf.set(id, next);
    for (const selector of after) if (!before.has(selector)) this.#listener.matchStarted(selector, id);
    for (const selector of before) if (!after.has(selector)) this.#listener.matchStopped(selector, id);
    if (old !== undefined) this.#leave(old, id);
  }

  deleteItem(id: ItemId): void {
    const old = this.#classOf.get(id);
    if (old === undefined) return;
    this.#classOf.delete(id);
    for (const selector of this.#matcher.selectorsOf(old)) this.#listener.matchStopped(selector, id);
    this.#leave(old, id);
  }

  /** Sets the labels that a parent gives to its items; an empty map takes them away. */
  setParent(name: string, labels: LabelMap): void {
    this.#matcher.setParent(name, labels);
  }

  #classWith(labels: LabelMap, parents: readonly string[]): LabelClass<ItemId> {
    const byParents = this.#classes.get(labels) ?? new Map<readonly string[], LabelClass<ItemId>>();
    this.#classes.set(labels, byParents);
    const known = byParents.get(parents);
    if (known !== undefined) return known;
    const created = { labels, parents, items: new Set<ItemId>() };
    byParents.set(parents, created);
    this.#matcher.setItem(created, labels, parents);
    return created;
  }

  #leave(old: LabelClass<ItemId>, id: ItemId): void {
    old.items.delete(id);
    if (old.items.size > 0) return;
    this.#matcher.deleteItem(old);
    const byParents = this.#classes.get(old.labels);
    byParents?.delete(old.parents);
    if (byParents?.size === 0) this.#classes.delete(old.labels);
  }
}

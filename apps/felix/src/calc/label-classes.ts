import type { Selector } from '@calico-node/selector';
import { LabelMatcher, type LabelMap, type MatchingWork, type MatchListener } from './label-matcher.ts';

/** A thing that selectors select by its labels. */
export interface Labelled {
  readonly labels: LabelMap;
  /** Profiles whose labels it inherits. */
  readonly profiles: readonly string[];
}

/** Items that have the very same labels and profiles: what matches one matches all. */
interface LabelClass<Item> extends Labelled {
  readonly items: Set<Item>;
}

const none: ReadonlySet<never> = new Set<never>();

/**
 * Which selectors match which items, kept up to date as either changes.
 *
 * Most of a cluster's endpoints are alike, so selectors are asked once for each class of items and not once for each
 * item. Items are of one class when their label maps and profile lists are the same objects (`LabelInterner`). An item
 * is known by its identity, and never changes.
 */
export class LabelClasses<SelectorId, Item extends Labelled> {
  readonly #listener: MatchListener<SelectorId, Item>;
  readonly #classes = new Map<LabelMap, Map<readonly string[], LabelClass<Item>>>();
  readonly #matcher: LabelMatcher<SelectorId, LabelClass<Item>>;

  constructor(listener: MatchListener<SelectorId, Item>) {
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

  get work(): MatchingWork {
    return this.#matcher.work;
  }

  /** Selectors that ask for no label, so that everything has to be looked at. */
  get unfiledCount(): number {
    return this.#matcher.unfiledCount;
  }

  /** The items that the selector matches now; none for an unknown one. */
  *itemsOf(id: SelectorId): Iterable<Item> {
    for (const { items } of this.#matcher.itemsOf(id)) yield* items;
  }

  /** Whether the selector matches any item now. */
  isMatched(id: SelectorId): boolean {
    return this.#matcher.itemsOf(id).size > 0;
  }

  /** The selectors that match the item now; empty for an unknown one. */
  selectorsOf(item: Labelled): ReadonlySet<SelectorId> {
    const own = this.#classOf(item);
    return own === undefined ? none : this.#matcher.selectorsOf(own);
  }

  /** Adds or replaces a selector. */
  setSelector(id: SelectorId, selector: Selector): void {
    this.#matcher.setSelector(id, selector);
  }

  deleteSelector(id: SelectorId): void {
    this.#matcher.deleteSelector(id);
  }

  /**
   * Adds an item, in place of `old` where that is given. What goes on matching is not told, and what ceases to is told
   * of `item`: to the listener it is the same thing from here on.
   */
  add(item: Item, old?: Item): void {
    const before = old === undefined ? none : this.selectorsOf(old);
    const next = this.#classWith(item);
    const after = this.#matcher.selectorsOf(next);
    next.items.add(item);
    for (const selector of after) if (!before.has(selector)) this.#listener.matchStarted(selector, item);
    if (old === undefined) return;
    for (const selector of before) if (!after.has(selector)) this.#listener.matchStopped(selector, item);
    this.#leave(old);
  }

  /** Takes away an item that was added. */
  delete(item: Item): void {
    for (const selector of this.selectorsOf(item)) this.#listener.matchStopped(selector, item);
    this.#leave(item);
  }

  /** Sets the labels that a profile gives to its items; an empty map takes them away. */
  setProfile(name: string, labels: LabelMap): void {
    this.#matcher.setParent(name, labels);
  }

  #classOf({ labels, profiles }: Labelled): LabelClass<Item> | undefined {
    return this.#classes.get(labels)?.get(profiles);
  }

  #classWith({ labels, profiles }: Labelled): LabelClass<Item> {
    const byProfiles = this.#classes.get(labels) ?? new Map<readonly string[], LabelClass<Item>>();
    if (byProfiles.size === 0) this.#classes.set(labels, byProfiles);
    const known = byProfiles.get(profiles);
    if (known !== undefined) return known;
    const created = { labels, profiles, items: new Set<Item>() };
    byProfiles.set(profiles, created);
    this.#matcher.setItem(created, labels, profiles);
    return created;
  }

  #leave(item: Item): void {
    const own = this.#classOf(item);
    if (own?.items.delete(item) !== true || own.items.size > 0) return;
    this.#matcher.deleteItem(own);
    const byProfiles = this.#classes.get(own.labels);
    byProfiles?.delete(own.profiles);
    if (byProfiles?.size === 0) this.#classes.delete(own.labels);
  }
}

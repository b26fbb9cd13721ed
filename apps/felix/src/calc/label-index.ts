import type { Selector } from '@calico-node/selector';
import { LabelClasses, type Labelled } from './label-classes.ts';
import type { LabelMap, MatchListener } from './label-matcher.ts';

/** An item under its id. */
interface Named<ItemId> extends Labelled {
  readonly id: ItemId;
}

const none: ReadonlySet<never> = new Set<never>();

/** As `LabelClasses`, for items that are known by an id and whose labels and profiles change. */
export class LabelIndex<SelectorId, ItemId> {
  readonly #items = new Map<ItemId, Named<ItemId>>();
  readonly #classes: LabelClasses<SelectorId, Named<ItemId>>;

  constructor(listener: MatchListener<SelectorId, ItemId>) {
    this.#classes = new LabelClasses({
      matchStarted: (selector, { id }) => {
        listener.matchStarted(selector, id);
      },
      matchStopped: (selector, { id }) => {
        listener.matchStopped(selector, id);
      },
    });
  }

  /** The items that the selector matches now; none for an unknown one. */
  *itemsOf(selector: SelectorId): Iterable<ItemId> {
    for (const { id } of this.#classes.itemsOf(selector)) yield id;
  }

  /** Whether the selector matches any item now. */
  isMatched(selector: SelectorId): boolean {
    return this.#classes.isMatched(selector);
  }

  /** The selectors that match the item now; empty for an unknown one. */
  selectorsOf(id: ItemId): ReadonlySet<SelectorId> {
    const item = this.#items.get(id);
    return item === undefined ? none : this.#classes.selectorsOf(item);
  }

  /** Adds or replaces a selector. */
  setSelector(id: SelectorId, selector: Selector): void {
    this.#classes.setSelector(id, selector);
  }

  deleteSelector(id: SelectorId): void {
    this.#classes.deleteSelector(id);
  }

  /** Adds an item or replaces its labels and profiles. */
  setItem(id: ItemId, labels: LabelMap, profiles: readonly string[]): void {
    const old = this.#items.get(id);
    if (old?.labels === labels && old.profiles === profiles) return;
    const item = { id, labels, profiles };
    this.#items.set(id, item);
    this.#classes.add(item, old);
  }

  deleteItem(id: ItemId): void {
    const old = this.#items.get(id);
    if (old === undefined) return;
    this.#items.delete(id);
    this.#classes.delete(old);
  }

  /** Sets the labels that a profile gives to its items; an empty map takes them away. */
  setProfile(name: string, labels: LabelMap): void {
    this.#classes.setProfile(name, labels);
  }
}

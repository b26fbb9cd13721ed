import type { Outbound } from './attribute-table.ts';
import { grown } from './columns.ts';

/** Prefixes with the same fate: announced with the same attributes, or withdrawn. */
export interface Bundle {
  readonly outbound: Outbound | undefined;
  /** The member that does not get it, or the only one that does; -1: everybody gets it. */
  readonly source: number;
  readonly isOnlyForSource: boolean;
  /** The first and the last of its entries; each entry links to the next. */
  head: number;
  tail: number;
  count: number;
}

const noEntry = -1;

/**
 * Collects the changes of one flush: entries are places in two flat arrays, chained per bundle. Filled,
 * read and emptied within one call of its owner.
 */
export class Bundles {
  #prefixes = new Int32Array(1024);
  #next = new Int32Array(1024);
  #entries = 0;
  #announced: Bundle[] = [];
  /** Not all that is announced is for the same members. */
  #isMixed = false;
  readonly #withdrawn = new Map<number, Bundle>();
  /** Of `#withdrawn`: mostly the next prefix is from the same source. */
  #lastWithdrawn: Bundle | undefined;
  readonly #withdrawnFrom = new Map<number, Bundle>();

  get isEmpty(): boolean {
    return this.#entries === 0;
  }

  announce(outbound: Outbound, source: number, prefix: number): void {
    let bundle = this.#announced[outbound.bundle];
    if (bundle?.outbound !== outbound) {
      bundle = make(outbound, source, false);
      outbound.bundle = this.#announced.length;
      this.#isMixed ||= source !== (this.#announced[0] ?? bundle).source;
      this.#announced.push(bundle);
    }
    this.#add(bundle, prefix);
  }

  /** For everybody but a source. */
  withdraw(source: number, prefix: number): void {
    if (this.#lastWithdrawn?.source !== source) this.#lastWithdrawn = entry(this.#withdrawn, source, false);
    this.#add(this.#lastWithdrawn, prefix);
  }

  /** For a source alone. */
  withdrawFrom(source: number, prefix: number): void {
    this.#add(entry(this.#withdrawnFrom, source, true), prefix);
  }

  /** What is for the same members stands together. */
  inOrder(): Bundle[] {
    const announced = this.#announced;
    if (this.#isMixed) announced.sort((a, b) => a.source - b.source);
    if (this.#withdrawn.size === 0 && this.#withdrawnFrom.size === 0) return announced;
    return [...this.#withdrawn.values(), ...announced, ...this.#withdrawnFrom.values()];
  }

  /** The prefixes of a bundle, in the order in which they came. */
  forEach(bundle: Bundle, visit: (prefix: number) => void): void {
    for (let at = bundle.head; at !== noEntry; at = this.next(at)) visit(this.prefixAt(at));
  }

  prefixAt(place: number): number {
    return this.#prefixes[place] ?? 0;
  }

  next(place: number): number {
    return this.#next[place] ?? noEntry;
  }

  clear(): void {
    this.#entries = 0;
    this.#isMixed = false;
    this.#announced = [];
    this.#lastWithdrawn = undefined;
    if (this.#withdrawn.size > 0) this.#withdrawn.clear();
    if (this.#withdrawnFrom.size > 0) this.#withdrawnFrom.clear();
  }

  #add(bundle: Bundle, prefix: number): void {
    const place = this.#entries++;
    if (place >= this.#prefixes.length) this.#grow();
    this.#prefixes[place] = prefix;
    this.#next[place] = noEntry;
    if (bundle.head === noEntry) bundle.head = place;
    else this.#next[bundle.tail] = place;
    bundle.tail = place;
    bundle.count++;
  }

  #grow(): void {
    this.#prefixes = grown(this.#prefixes, this.#prefixes.length * 2);
    this.#next = grown(this.#next, this.#next.length * 2);
  }
}

function make(outbound: Outbound | undefined, source: number, isOnlyForSource: boolean): Bundle {
  return { outbound, source, isOnlyForSource, head: noEntry, tail: noEntry, count: 0 };
}

function entry(bundles: Map<number, Bundle>, source: number, isOnlyForSource: boolean): Bundle {
  let bundle = bundles.get(source);
  if (bundle === undefined) {
    bundle = make(undefined, source, isOnlyForSource);
    bundles.set(source, bundle);
  }
  return bundle;
}

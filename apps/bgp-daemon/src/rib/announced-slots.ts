import type { Outbound } from './attribute-table.ts';
import { grown, grownCapacity, IntList } from './columns.ts';

const nobody = -1;

/**
 * What an update group announces, by slot, and the source that it came from. Flat columns of numbers, so that the
 * collector of garbage has no long list to look through; an {@link Outbound} has its number while a slot has it.
 */
export class AnnouncedSlots {
  #numberAt: Int32Array;
  /** The source's id + 1. */
  #sourceAt: Int32Array;
  /** How many slots have each source, by its id. */
  #counts = new Int32Array(64);
  #size = 0;
  /** The first stands for nothing: numbers begin at 1. */
  readonly #outbounds: (Outbound | undefined)[] = [undefined];
  readonly #free = new IntList();

  /** @param room how many slots it has memory for; there may be more. */
  constructor(room: number) {
    this.#numberAt = new Int32Array(Math.max(1, room));
    this.#sourceAt = new Int32Array(Math.max(1, room));
  }

  /** How many slots announce something. */
  get size(): number {
    return this.#size;
  }

  /** How many of them have it from a source. */
  countFrom(source: number): number {
    return this.#counts[source] ?? 0;
  }

  at(slot: number): Outbound | undefined {
    return slot < this.#numberAt.length ? this.#outbounds[this.#numberAt[slot] ?? 0] : undefined;
  }

  /** The id of the source of what is announced, or -1. */
  sourceAt(slot: number): number {
    return slot < this.#sourceAt.length ? (this.#sourceAt[slot] ?? 0) - 1 : nobody;
  }

  /** @param source the id of the source; what is not announced has none. */
  set(slot: number, outbound: Outbound | undefined, source: number): void {
    const sourceAfter = outbound === undefined ? nobody : source;
    if (slot >= this.#numberAt.length) {
      if (outbound === undefined) return;
      this.#grow(slot + 1);
    }
    const before = this.#outbounds[this.#numberAt[slot] ?? 0];
    if (before !== undefined) this.#count((this.#sourceAt[slot] ?? 0) - 1, -1);
    if (outbound !== undefined) this.#count(sourceAfter, 1);
    this.#sourceAt[slot] = sourceAfter + 1;
    if (before === outbound) return;
    this.#numberAt[slot] = outbound === undefined ? 0 : this.#take(outbound);
    if (before !== undefined && --before.references === 0) this.#forget(before);
  }

  #take(outbound: Outbound): number {
    if (outbound.references++ === 0) {
      const free = this.#free.pop();
      outbound.number = free > 0 ? free : this.#outbounds.length;
      this.#outbounds[outbound.number] = outbound;
    }
    return outbound.number;
  }

  #forget({ number }: Outbound): void {
    this.#outbounds[number] = undefined;
    this.#free.push(number);
  }

  #count(source: number, difference: 1 | -1): void {
    if (source >= this.#counts.length)
      this.#counts = grown(this.#counts, grownCapacity(this.#counts.length, source + 1));
    this.#counts[source] = (this.#counts[source] ?? 0) + difference;
    this.#size += difference;
  }

  #grow(least: number): void {
    const capacity = grownCapacity(this.#numberAt.length, least);
    this.#numberAt = grown(this.#numberAt, capacity);
    this.#sourceAt = grown(this.#sourceAt, capacity);
  }
}

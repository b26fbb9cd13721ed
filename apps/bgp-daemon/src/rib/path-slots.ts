import type { Rib } from './rib.ts';

/** One path of a prefix as peers with ADD-PATH know it. */
interface Slot {
  readonly slot: number;
  readonly source: number;
  readonly pathId: number;
  /** Its number in the RIB; -1: it is gone, or cannot be used. */
  path: number;
}

/**
 * Numbers for the paths that peers with ADD-PATH are told of (RFC 7911 2): the same for the same path of a
 * source, in all update groups, as long as it is there, and not given to another before `tidy`. The
 * identifier on the wire is the number + 1.
 */
export class PathSlots {
  readonly #rib: Rib;
  readonly #of = new Map<number, Slot[]>();
  readonly #prefixOf: number[] = [];
  readonly #free: number[] = [];
  /** Prefixes with paths that are gone. */
  readonly #vacated = new Set<number>();

  constructor(rib: Rib) {
    this.#rib = rib;
    for (let prefix = 0; prefix < rib.prefixes.end; prefix++) if (rib.prefixes.has(prefix)) this.update(prefix);
  }

  /** All numbers in use are below this. */
  get end(): number {
    return this.#prefixOf.length;
  }

  prefixOf(slot: number): number {
    return this.#prefixOf[slot] ?? 0;
  }

  /** Looks at the usable paths of a prefix again. */
  update(prefix: number): void {
    const slots = this.#of.get(prefix) ?? [];
    for (const slot of slots) slot.path = -1;
    this.#rib.forEachUsable(prefix, (path) => {
      const source = this.#rib.sourceOf(path)?.id ?? -1;
      const pathId = this.#rib.pathIdOf(path);
      const known = slots.find((slot) => slot.source === source && slot.pathId === pathId);
      if (known === undefined) slots.push({ slot: this.#allocate(prefix), source, pathId, path });
      else known.path = path;
    });
    if (slots.length > 0) this.#of.set(prefix, slots);
    if (slots.some(({ path }) => path < 0)) this.#vacated.add(prefix);
  }

  /** Visits the paths of a prefix, with -1 for those that are gone. */
  forEach(prefix: number, visit: (slot: number, path: number) => void): void {
    for (const { slot, path } of this.#of.get(prefix) ?? []) visit(slot, path);
  }

  /** Takes the numbers of paths that are gone back: all peers have been told. */
  tidy(): void {
    for (const prefix of this.#vacated) {
      const slots = this.#of.get(prefix) ?? [];
      const left = slots.filter(({ path }) => path >= 0);
      for (const { slot, path } of slots) if (path < 0) this.#free.push(slot);
      if (left.length === 0) this.#of.delete(prefix);
      else this.#of.set(prefix, left);
    }
    this.#vacated.clear();
  }

  #allocate(prefix: number): number {
    const slot = this.#free.pop() ?? this.#prefixOf.length;
    this.#prefixOf[slot] = prefix;
    return slot;
  }
}

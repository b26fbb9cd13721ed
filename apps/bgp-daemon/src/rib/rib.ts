import { selectBest, type Candidate, type RouteSource } from '@calico-node/bgp';
import type { Cidr, Family, IpAddress } from '@calico-node/net';
import type { AttributeSet, AttributeTable } from './attribute-table.ts';
import { IntColumn } from './int-column.ts';
import { PrefixTable } from './prefix-table.ts';

/** A source of routes: a peer, the kernel, or the static routes. */
export interface RibSource {
  /** Small and unique; never used again. */
  readonly id: number;
  readonly name: string;
  /** A peer's changes with each session. */
  route: RouteSource;
}

/** The cost of reaching a next hop; `undefined` when it cannot be reached (RFC 4271 9.1.2.1). */
export type NextHopCost = (nextHop: IpAddress) => number | undefined;

/** A path as seen from outside; made on demand. */
export interface PathView {
  readonly path: number;
  readonly source: RibSource;
  readonly set: AttributeSet;
  readonly stale: boolean;
  readonly filtered: boolean;
  readonly interfaceName: string | undefined;
}

/** How many prefixes' names are remembered between the steps of a slice. */
const maxNames = 4096;

/**
 * The routes of one family: Adj-RIBs-In and Loc-RIB in one structure (RFC 4271 3.2). Prefixes and paths
 * are numbers, their properties columns of flat arrays; the paths of a prefix, and those of a source, are
 * linked lists. A change marks its prefix dirty; the speaker takes dirty prefixes in slices.
 */
export class Rib {
  readonly family: Family;
  readonly prefixes: PrefixTable;
  readonly #attributes: AttributeTable;
  readonly #onDirty: () => void;
  readonly #sources = new Map<number, RibSource>();

  readonly #firstPath = new IntColumn(-1);
  readonly #best = new IntColumn(-1);
  readonly #isDirty = new IntColumn(0);

  readonly #prefixOf = new IntColumn(-1);
  readonly #nextPath = new IntColumn(-1);
  readonly #sourceOf = new IntColumn(-1);
  readonly #pathId = new IntColumn(0);
  readonly #generationOf = new IntColumn(0);
  readonly #isFiltered = new IntColumn(0);
  readonly #previousOfSource = new IntColumn(-1);
  readonly #nextOfSource = new IntColumn(-1);
  readonly #sets: (AttributeSet | undefined)[] = [];
  readonly #interfaceNames = new Map<number, string>();

  readonly #firstOfSource = new IntColumn(-1);
  readonly #countOfSource = new IntColumn(0);
  readonly #generation = new IntColumn(0);
  readonly #freePaths: number[] = [];
  #pathsEnd = 0;
  /** The names of the prefixes that the present slice works on. */
  readonly #cidrs = new Map<number, Cidr>();
  #dirty: number[] = [];
  /** Those before this index have been taken. */
  #dirtyAt = 0;

  constructor(family: Family, attributes: AttributeTable, onDirty: () => void) {
    this.family = family;
    this.prefixes = new PrefixTable(family);
    this.#attributes = attributes;
    this.#onDirty = onDirty;
  }

  addSource(source: RibSource): void {
    this.#sources.set(source.id, source);
  }

  /** Forgets a source without paths. */
  removeSource(source: RibSource): void {
    this.#sources.delete(source.id);
  }

  /** How many paths a source has given. */
  countOf(source: RibSource): number {
    return this.#countOfSource.get(source.id);
  }

  /** Adds or replaces the source's path for a prefix; `filtered` ones are kept but never used. */
  announce(
    source: RibSource,
    prefix: number,
    attributes: AttributeSet,
    pathId = 0,
    filtered = false,
    interfaceName?: string,
  ): void {
    let path = this.#find(source, prefix, pathId);
    if (path < 0) path = this.#insert(source, prefix, pathId);
    else this.#release(path);
    this.#sets[path] = attributes;
    this.#generationOf.set(path, this.#generation.get(source.id));
    this.#isFiltered.set(path, filtered ? 1 : 0);
    if (interfaceName === undefined) this.#forgetInterface(path);
    else this.#interfaceNames.set(path, interfaceName);
    this.markDirty(prefix);
  }

  /** Removes the source's path for a prefix, if there is one. */
  withdraw(source: RibSource, prefix: number, pathId = 0): void {
    const path = this.#find(source, prefix, pathId);
    if (path >= 0) this.#remove(path);
  }

  /** Marks all paths of a source stale (RFC 4724 4.2): a new announcement makes a path fresh again. */
  markStale(source: RibSource): void {
    this.#generation.set(source.id, this.#generation.get(source.id) + 1);
  }

  /** Removes up to `limit` stale paths of a source. True when none is left. */
  sweepStale(source: RibSource, limit: number): boolean {
    const generation = this.#generation.get(source.id);
    let removed = 0;
    for (let path = this.#firstOfSource.get(source.id); path >= 0;) {
      const next = this.#nextOfSource.get(path);
      if (this.#generationOf.get(path) !== generation) {
        if (removed++ >= limit) return false;
        this.#remove(path);
      }
      path = next;
    }
    return true;
  }

  /** Visits every path of a source. */
  forEachOf(source: RibSource, visit: (prefix: number, view: PathView) => void): void {
    for (let path = this.#firstOfSource.get(source.id); path >= 0; path = this.#nextOfSource.get(path)) {
      const view = this.#view(path);
      if (view !== undefined) visit(this.#prefixOf.get(path), view);
    }
  }

  setFiltered(path: number, filtered: boolean): void {
    if ((this.#isFiltered.get(path) === 1) === filtered) return;
    this.#isFiltered.set(path, filtered ? 1 : 0);
    this.markDirty(this.#prefixOf.get(path));
  }

  markDirty(prefix: number): void {
    if (this.#isDirty.get(prefix) === 1) return;
    this.#isDirty.set(prefix, 1);
    this.#dirty.push(prefix);
    this.#onDirty();
  }

  markAllDirty(): void {
    for (let prefix = 0; prefix < this.prefixes.end; prefix++) if (this.prefixes.has(prefix)) this.markDirty(prefix);
  }

  get hasDirty(): boolean {
    return this.#dirtyAt < this.#dirty.length;
  }

  /** Up to `limit` dirty prefixes, no longer marked. */
  takeDirty(limit: number): number[] {
    const taken = this.#dirty.slice(this.#dirtyAt, this.#dirtyAt + limit);
    this.#dirtyAt += taken.length;
    if (!this.hasDirty) {
      this.#dirty = [];
      this.#dirtyAt = 0;
    }
    for (const prefix of taken) this.#isDirty.set(prefix, 0);
    return taken;
  }

  /** Runs the decision process for a prefix and remembers its outcome: the best path's number, or -1. */
  decide(prefix: number, cost: NextHopCost): number {
    let chosen = -1;
    let usable: number[] | undefined;
    for (let path = this.#firstPath.get(prefix); path >= 0; path = this.#nextPath.get(path)) {
      if (!this.#isUsable(path, cost)) continue;
      if (chosen < 0) chosen = path;
      else (usable ??= [chosen]).push(path);
    }
    if (usable !== undefined) chosen = this.#selectAmong(usable, cost);
    this.#best.set(prefix, chosen);
    return chosen;
  }

  /** The number of the path that the last decision chose, or -1. */
  bestPath(prefix: number): number {
    return this.#best.get(prefix);
  }

  /** A path's attributes. */
  setOf(path: number): AttributeSet | undefined {
    return this.#sets[path];
  }

  /** Where a path came from. */
  sourceOf(path: number): RibSource | undefined {
    return this.#sources.get(this.#sourceOf.get(path));
  }

  interfaceNameOf(path: number): string | undefined {
    return this.#interfaceNames.size === 0 ? undefined : this.#interfaceNames.get(path);
  }

  /** The path that the last decision chose. */
  best(prefix: number): PathView | undefined {
    return this.#view(this.#best.get(prefix));
  }

  /** All paths of a prefix. */
  paths(prefix: number): PathView[] {
    const views: PathView[] = [];
    for (let path = this.#firstPath.get(prefix); path >= 0; path = this.#nextPath.get(path)) {
      const view = this.#view(path);
      if (view !== undefined) views.push(view);
    }
    return views;
  }

  /** Gives a prefix's number back when nothing refers to it any more. */
  releaseIfEmpty(prefix: number): void {
    if (this.#firstPath.get(prefix) >= 0 || this.#isDirty.get(prefix) !== 0) return;
    this.#cidrs.delete(prefix);
    this.prefixes.remove(prefix);
  }

  cidr(prefix: number): Cidr {
    let cidr = this.#cidrs.get(prefix);
    if (cidr === undefined) {
      cidr = this.prefixes.cidr(prefix);
      if (this.#cidrs.size >= maxNames) this.#cidrs.clear();
      this.#cidrs.set(prefix, cidr);
    }
    return cidr;
  }

  #isUsable(path: number, cost: NextHopCost): boolean {
    if (this.#isFiltered.get(path) === 1) return false;
    const nextHop = this.#sets[path]?.attributes.nextHop;
    return nextHop === undefined || cost(nextHop) !== undefined;
  }

  #selectAmong(paths: readonly number[], cost: NextHopCost): number {
    const candidates: Candidate[] = [];
    for (const path of paths) {
      const view = this.#view(path);
      if (view === undefined) continue;
      const { attributes } = view.set;
      const igpMetric = attributes.nextHop === undefined ? 0 : (cost(attributes.nextHop) ?? 0);
      candidates.push({ attributes, source: view.source.route, igpMetric });
    }
    return paths[selectBest(candidates)] ?? -1;
  }

  #view(path: number): PathView | undefined {
    const set = this.#sets[path];
    const source = this.#sources.get(this.#sourceOf.get(path));
    if (set === undefined || source === undefined) return undefined;
    return {
      path,
      source,
      set,
      stale: this.#generationOf.get(path) !== this.#generation.get(source.id),
      filtered: this.#isFiltered.get(path) === 1,
      interfaceName: this.#interfaceNames.get(path),
    };
  }

  #find(source: RibSource, prefix: number, pathId: number): number {
    for (let path = this.#firstPath.get(prefix); path >= 0; path = this.#nextPath.get(path)) {
      if (this.#sourceOf.get(path) === source.id && this.#pathId.get(path) === (pathId | 0)) return path;
    }
    return -1;
  }

  #insert(source: RibSource, prefix: number, pathId: number): number {
    const path = this.#freePaths.pop() ?? this.#pathsEnd++;
    this.#prefixOf.set(path, prefix);
    this.#sourceOf.set(path, source.id);
    this.#pathId.set(path, pathId);
    this.#nextPath.set(path, this.#firstPath.get(prefix));
    this.#firstPath.set(prefix, path);
    const head = this.#firstOfSource.get(source.id);
    this.#nextOfSource.set(path, head);
    this.#previousOfSource.set(path, -1);
    if (head >= 0) this.#previousOfSource.set(head, path);
    this.#firstOfSource.set(source.id, path);
    this.#countOfSource.set(source.id, this.#countOfSource.get(source.id) + 1);
    return path;
  }

  #remove(path: number): void {
    const prefix = this.#prefixOf.get(path);
    const source = this.#sourceOf.get(path);
    let previous = this.#firstPath.get(prefix);
    if (previous === path) this.#firstPath.set(prefix, this.#nextPath.get(path));
    else {
      while (this.#nextPath.get(previous) !== path) previous = this.#nextPath.get(previous);
      this.#nextPath.set(previous, this.#nextPath.get(path));
    }
    const [before, after] = [this.#previousOfSource.get(path), this.#nextOfSource.get(path)];
    if (before < 0) this.#firstOfSource.set(source, after);
    else this.#nextOfSource.set(before, after);
    if (after >= 0) this.#previousOfSource.set(after, before);
    this.#countOfSource.set(source, this.#countOfSource.get(source) - 1);
    this.#release(path);
    this.#forgetInterface(path);
    this.#sourceOf.set(path, -1);
    this.#freePaths.push(path);
    if (this.#best.get(prefix) === path) this.#best.set(prefix, -1);
    this.markDirty(prefix);
  }

  #forgetInterface(path: number): void {
    if (this.#interfaceNames.size > 0) this.#interfaceNames.delete(path);
  }

  #release(path: number): void {
    const set = this.#sets[path];
    if (set !== undefined) this.#attributes.release(set);
    this.#sets[path] = undefined;
  }
}

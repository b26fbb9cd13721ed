import { isEquallyGood, isStrangeNextHop, selectBest, type Candidate, type NextHop } from '@calico-node/bgp';
import type { Cidr, Family } from '@calico-node/net';
import type { AttributeSet, AttributeTable } from './attribute-table.ts';
import { grown, grownCapacity, IntList } from './columns.ts';
import { PrefixTable } from './prefix-table.ts';
import type { NextHopCost, PathView, PrefixRun, RibSource, SourceState } from './rib-views.ts';

const filteredFlag = 1;
/** Its next hop could not be reached when the prefix was last decided on. */
const unreachableFlag = 2;

const generations = 0x10000;

/** How many prefixes' names are remembered between the steps of a slice. */
const maxNames = 4096;

/**
 * The routes of one family: Adj-RIBs-In and Loc-RIB in one structure (RFC 4271 3.2). Prefixes and paths
 * are numbers, their properties columns of flat arrays; the paths of a prefix are a linked list. Links are
 * numbers + 1, so that zero means none. A change marks its prefix dirty; the speaker takes dirty prefixes
 * in slices.
 */
export class Rib {
  readonly family: Family;
  readonly prefixes: PrefixTable;
  readonly #attributes: AttributeTable;
  readonly #onDirty: () => void;
  readonly #sources: (SourceState | undefined)[] = [];

  #firstPath: Int32Array;
  #best: Int32Array;
  #isDirty: Uint8Array;

  #prefixOf: Int32Array;
  #nextPath: Int32Array;
  /** The source's id + 1; zero for a path that is not in use. */
  #sourceOf: Int32Array;
  #pathId: Int32Array;
  #setOf: Int32Array;
  #generationOf: Uint16Array;
  /** `filteredFlag`, `unreachableFlag`. */
  #flags: Uint8Array;
  readonly #interfaceNames = new Map<number, string>();
  readonly #freePaths = new IntList();
  #pathsEnd = 0;
  #size = 0;

  /** The names of the prefixes that the present slice works on. */
  readonly #cidrs = new Map<number, Cidr>();
  readonly #dirty = new IntList();
  /** Those before this index have been taken. */
  #dirtyAt = 0;

  /** @param table gives the prefixes their numbers. */
  constructor(family: Family, attributes: AttributeTable, onDirty: () => void, table = new PrefixTable(family)) {
    this.family = family;
    this.prefixes = table;
    this.#attributes = attributes;
    this.#onDirty = onDirty;
    const { room } = this.prefixes;
    this.#firstPath = new Int32Array(room);
    this.#best = new Int32Array(room);
    this.#isDirty = new Uint8Array(room);
    this.#prefixOf = new Int32Array(room);
    this.#nextPath = new Int32Array(room);
    this.#sourceOf = new Int32Array(room);
    this.#pathId = new Int32Array(room);
    this.#setOf = new Int32Array(room);
    this.#generationOf = new Uint16Array(room);
    this.#flags = new Uint8Array(room);
  }

  addSource(source: RibSource): void {
    this.#sources[source.id] = { source, count: 0, generation: 0, sweptTo: 0 };
  }

  /** Forgets a source without paths. */
  removeSource(source: RibSource): void {
    this.#sources[source.id] = undefined;
  }

  /** How many prefixes have a path. */
  get size(): number {
    return this.#size;
  }

  /** How many paths a source has given. */
  countOf(source: RibSource): number {
    return this.#sources[source.id]?.count ?? 0;
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
    const state = this.#sources[source.id];
    if (state === undefined) return;
    const path = this.#put(state, prefix, attributes, pathId, filtered);
    if (interfaceName === undefined) this.#forgetInterface(path);
    else this.#interfaceNames.set(path, interfaceName);
    if (this.hasDirty) this.#onDirty();
  }

  /**
   * Adds or replaces the source's paths for a run of prefixes. `filter` tells what the import filters make of the
   * attributes for a prefix; nothing where they reject it.
   * RFC 4271 6.3: a prefix that cannot be a destination is passed over.
   */
  announceRun(
    source: RibSource,
    { bytes, start, end, addPath }: PrefixRun,
    attributes: AttributeSet,
    filter?: (prefix: number) => AttributeSet | undefined,
  ): void {
    const state = this.#sources[source.id];
    if (state === undefined) return;
    if (!addPath) {
      const count = this.prefixes.internRun(bytes, start, end);
      const { run } = this.prefixes;
      for (let index = 0; index < count; index++) {
        const prefix = run[index] ?? -1;
        if (prefix >= 0) this.#take(state, prefix, attributes, 0, filter);
      }
    }
    for (let at = addPath ? start : end; at < end;) {
      const pathId = identifier(bytes, at);
      at += 4;
      const bits = bytes[at] ?? 0;
      if (this.prefixes.isDestination(bytes, at))
        this.#take(state, this.prefixes.intern(bytes, at + 1, bits), attributes, pathId, filter);
      at += 1 + ((bits + 7) >> 3);
    }
    if (this.hasDirty) this.#onDirty();
  }

  /** Removes the source's path for a prefix, if there is one. */
  withdraw(source: RibSource, prefix: number, pathId = 0): void {
    this.#removeFrom(source, prefix, pathId);
    if (this.hasDirty) this.#onDirty();
  }

  /** Removes the source's paths for a run of prefixes. */
  withdrawRun(source: RibSource, { bytes, start, end, addPath }: PrefixRun): void {
    if (!addPath) {
      const count = this.prefixes.findRun(bytes, start, end);
      const { run } = this.prefixes;
      for (let index = 0; index < count; index++) this.#removeFrom(source, run[index] ?? -1, 0);
    }
    for (let at = addPath ? start : end; at < end;) {
      const pathId = identifier(bytes, at);
      at += 4;
      const bits = bytes[at] ?? 0;
      this.#removeFrom(source, this.prefixes.find(bytes, at + 1, bits), pathId);
      at += 1 + ((bits + 7) >> 3);
    }
    if (this.hasDirty) this.#onDirty();
  }

  /** Marks all paths of a source stale (RFC 4724 4.2): a new announcement makes a path fresh again. */
  markStale(source: RibSource): void {
    const state = this.#sources[source.id];
    if (state === undefined) return;
    state.generation = (state.generation + 1) % generations;
    state.sweptTo = 0;
  }

  /** Removes up to `limit` stale paths of a source. True when none is left. */
  sweepStale(source: RibSource, limit: number): boolean {
    const state = this.#sources[source.id];
    if (state === undefined) return true;
    // Looking is cheap beside removing.
    const lookTo = Math.min(this.#pathsEnd, state.sweptTo + 50 * limit);
    let removed = 0;
    for (; state.sweptTo < lookTo && removed < limit; state.sweptTo++) {
      const path = state.sweptTo;
      if (this.#sourceOf[path] !== source.id + 1 || this.#generationOf[path] === state.generation) continue;
      this.#remove(path);
      removed++;
    }
    if (removed > 0) this.#onDirty();
    return state.sweptTo >= this.#pathsEnd;
  }

  /** The source's path for a prefix, if there is one. */
  pathOf(source: RibSource, prefix: number, pathId: number): PathView | undefined {
    return this.#view(this.#find(source.id + 1, prefix, pathId));
  }

  /** Visits every path of a source. */
  forEachOf(source: RibSource, visit: (prefix: number, view: PathView) => void): void {
    for (let path = 0; path < this.#pathsEnd; path++) {
      if (this.#sourceOf[path] !== source.id + 1) continue;
      const view = this.#view(path);
      if (view !== undefined) visit(this.#prefixOf[path] ?? 0, view);
    }
  }

  /** Puts another outcome of the import filters in the place of a path's. Whether it is another. */
  refilter(path: number, attributes: AttributeSet, filtered: boolean): boolean {
    const flags = this.#flags[path] ?? 0;
    const isFiltered = (flags & filteredFlag) !== 0;
    if (isFiltered === filtered && this.#setOf[path] === attributes.id) return false;
    this.#flags[path] = isFiltered === filtered ? flags : flags ^ filteredFlag;
    this.#replaceSet(path, attributes);
    this.markDirty(this.#prefixOf[path] ?? 0);
    return true;
  }

  markDirty(prefix: number): void {
    this.#touch(prefix);
    this.#onDirty();
  }

  /** Marks the prefixes dirty that have a path through one of these next hops. */
  markNextHops(nextHops: ReadonlySet<NextHop>): void {
    for (let path = 0; path < this.#pathsEnd; path++) {
      if (this.#sourceOf[path] === 0) continue;
      const nextHop = this.setOf(path)?.nextHop;
      if (nextHop !== undefined && nextHops.has(nextHop)) this.#touch(this.#prefixOf[path] ?? 0);
    }
    if (this.hasDirty) this.#onDirty();
  }

  markAllDirty(): void {
    for (let prefix = 0; prefix < this.prefixes.end; prefix++) if (this.prefixes.has(prefix)) this.markDirty(prefix);
  }

  get hasDirty(): boolean {
    return this.#dirtyAt < this.#dirty.length;
  }

  /** Up to `limit` dirty prefixes, no longer marked; valid until the next call. */
  takeDirty(limit: number): Int32Array {
    if (this.#dirtyAt > 0 && !this.hasDirty) {
      this.#dirty.clear();
      this.#dirtyAt = 0;
    }
    const taken = this.#dirty.view(this.#dirtyAt, this.#dirtyAt + limit);
    this.#dirtyAt += taken.length;
    const isDirty = this.#isDirty;
    for (let index = 0, count = taken.length; index < count; index++) isDirty[taken[index] ?? 0] = 0;
    return taken;
  }

  /**
   * Runs the decision process for a prefix and remembers its outcome: the best path's number, or -1.
   *
   * @param cost undefined: every next hop can be reached, at no cost.
   */
  decide(prefix: number, cost: NextHopCost | undefined): number {
    let chosen = -1;
    let usable: number[] | undefined;
    for (let link = this.#firstPath[prefix] ?? 0; link !== 0; link = this.#nextPath[link - 1] ?? 0) {
      const path = link - 1;
      if (cost !== undefined) this.#noteReachable(path, cost);
      if (this.#flags[path] !== 0) continue;
      if (chosen < 0) chosen = path;
      else (usable ??= [chosen]).push(path);
    }
    if (usable !== undefined) chosen = this.#selectAmong(usable, cost);
    this.#best[prefix] = chosen + 1;
    return chosen;
  }

  /** The number of the path that the last decision chose, or -1. */
  bestPath(prefix: number): number {
    return (this.#best[prefix] ?? 0) - 1;
  }

  /** A path's attributes. */
  setOf(path: number): AttributeSet | undefined {
    return path < 0 ? undefined : this.#attributes.get(this.#setOf[path] ?? -1);
  }

  /** Where a path came from. */
  sourceOf(path: number): RibSource | undefined {
    return path < 0 ? undefined : this.#sources[(this.#sourceOf[path] ?? 0) - 1]?.source;
  }

  interfaceNameOf(path: number): string | undefined {
    return this.#interfaceNames.size === 0 ? undefined : this.#interfaceNames.get(path);
  }

  /** The path that the last decision chose. */
  best(prefix: number): PathView | undefined {
    return this.#view(this.bestPath(prefix));
  }

  /** All paths of a prefix. */
  paths(prefix: number): PathView[] {
    const views: PathView[] = [];
    for (let link = this.#firstPath[prefix] ?? 0; link !== 0; link = this.#nextPath[link - 1] ?? 0) {
      const view = this.#view(link - 1);
      if (view !== undefined) views.push(view);
    }
    return views;
  }

  /** Visits the paths of a prefix that the last decision could have chosen. */
  forEachUsable(prefix: number, visit: (path: number) => void): void {
    for (let link = this.#firstPath[prefix] ?? 0; link !== 0; link = this.#nextPath[link - 1] ?? 0) {
      if (this.#flags[link - 1] === 0) visit(link - 1);
    }
  }

  /** The best path's next hop and those of the paths as good as it, each once; at most `limit`. */
  nextHops(prefix: number, limit: number, cost: NextHopCost | undefined): NextHop[] {
    const best = this.bestPath(prefix);
    const first = this.setOf(best)?.nextHop;
    if (first === undefined) return [];
    if ((this.#nextPath[(this.#firstPath[prefix] ?? 1) - 1] ?? 0) === 0 || limit < 2) return [first];
    const hops = new Set([first]);
    const candidate = this.#candidate(best, cost);
    this.forEachUsable(prefix, (path) => {
      const nextHop = this.setOf(path)?.nextHop;
      if (hops.size >= limit || nextHop === undefined || hops.has(nextHop)) return;
      const other = this.#candidate(path, cost);
      if (candidate !== undefined && other !== undefined && isEquallyGood(candidate, other)) hops.add(nextHop);
    });
    return [...hops];
  }

  /** The path identifier that a path came with; 0 without ADD-PATH. */
  pathIdOf(path: number): number {
    return this.#pathId[path] ?? 0;
  }

  /**
   * Gives the stale paths of a source other attributes, or takes away those for which there are none;
   * they stay stale.
   */
  restampStale(source: RibSource, restamp: (set: AttributeSet) => AttributeSet | undefined): void {
    const state = this.#sources[source.id];
    for (let path = 0; path < this.#pathsEnd; path++) {
      if (this.#sourceOf[path] !== source.id + 1 || this.#generationOf[path] === state?.generation) continue;
      const set = this.setOf(path);
      const next = set === undefined ? undefined : restamp(set);
      if (next === undefined) {
        this.#remove(path);
        continue;
      }
      this.#replaceSet(path, next);
      this.#touch(this.#prefixOf[path] ?? 0);
    }
    if (this.hasDirty) this.#onDirty();
  }

  /** Gives a prefix's number back when nothing refers to it any more. */
  releaseIfEmpty(prefix: number): void {
    if ((this.#firstPath[prefix] ?? 0) !== 0 || (this.#isDirty[prefix] ?? 0) !== 0) return;
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

  #noteReachable(path: number, cost: NextHopCost): void {
    const flags = (this.#flags[path] ?? 0) & ~unreachableFlag;
    this.#flags[path] = this.#costOf(path, cost) === undefined ? flags | unreachableFlag : flags;
  }

  #costOf(path: number, cost: NextHopCost): number | undefined {
    const nextHop = this.setOf(path)?.nextHop;
    if (nextHop === undefined) return 0;
    const metric = cost(nextHop);
    if (metric === undefined || metric === 0) return metric;
    const source = this.sourceOf(path);
    return source !== undefined && isStrangeNextHop(source.route, nextHop, metric) ? undefined : metric;
  }

  #selectAmong(paths: readonly number[], cost: NextHopCost | undefined): number {
    return paths[selectBest(paths.flatMap((path) => this.#candidate(path, cost) ?? []))] ?? -1;
  }

  #candidate(path: number, cost: NextHopCost | undefined): Candidate | undefined {
    const [set, source] = [this.setOf(path), this.sourceOf(path)];
    if (set === undefined || source === undefined) return undefined;
    const igpMetric = cost === undefined ? 0 : (this.#costOf(path, cost) ?? 0);
    return { attributes: set.attributes, source: source.route, igpMetric, pathId: this.pathIdOf(path) };
  }

  #view(path: number): PathView | undefined {
    const set = this.setOf(path);
    const state = path < 0 ? undefined : this.#sources[(this.#sourceOf[path] ?? 0) - 1];
    if (set === undefined || state === undefined) return undefined;
    return {
      path,
      source: state.source,
      set,
      stale: this.#generationOf[path] !== state.generation,
      filtered: ((this.#flags[path] ?? 0) & filteredFlag) !== 0,
      interfaceName: this.#interfaceNames.get(path),
    };
  }

  /** Puts what the import filters make of a path. */
  #take(
    state: SourceState,
    prefix: number,
    attributes: AttributeSet,
    pathId: number,
    filter: ((prefix: number) => AttributeSet | undefined) | undefined,
  ): void {
    const taken = filter === undefined ? attributes : filter(prefix);
    this.#put(state, prefix, taken ?? attributes, pathId, taken === undefined);
  }

  #put(state: SourceState, prefix: number, attributes: AttributeSet, pathId: number, filtered: boolean): number {
    const sourceLink = state.source.id + 1;
    let path = this.#find(sourceLink, prefix, pathId);
    if (path < 0) {
      path = this.#insert(sourceLink, prefix, pathId);
      state.count++;
    } else {
      this.#attributes.release(this.#setOf[path] ?? -1);
    }
    attributes.references++;
    this.#setOf[path] = attributes.id;
    this.#generationOf[path] = state.generation;
    this.#flags[path] = filtered ? filteredFlag : 0;
    this.#touch(prefix);
    return path;
  }

  #replaceSet(path: number, next: AttributeSet): void {
    next.references++;
    this.#attributes.release(this.#setOf[path] ?? -1);
    this.#setOf[path] = next.id;
  }

  #find(sourceLink: number, prefix: number, pathId: number): number {
    for (let link = this.#firstPath[prefix] ?? 0; link !== 0; link = this.#nextPath[link - 1] ?? 0) {
      if (this.#sourceOf[link - 1] === sourceLink && this.#pathId[link - 1] === pathId) return link - 1;
    }
    return -1;
  }

  #removeFrom(source: RibSource, prefix: number, pathId: number): void {
    const path = prefix < 0 ? -1 : this.#find(source.id + 1, prefix, pathId);
    if (path >= 0) this.#remove(path);
  }

  #insert(sourceLink: number, prefix: number, pathId: number): number {
    const free = this.#freePaths.pop();
    const path = free >= 0 ? free : this.#pathsEnd++;
    if (path >= this.#prefixOf.length) this.#growPaths(path + 1);
    if (prefix >= this.#firstPath.length) this.#growPrefixes(prefix + 1);
    this.#prefixOf[path] = prefix;
    this.#sourceOf[path] = sourceLink;
    this.#pathId[path] = pathId;
    const first = this.#firstPath[prefix] ?? 0;
    if (first === 0) this.#size++;
    this.#nextPath[path] = first;
    this.#firstPath[prefix] = path + 1;
    return path;
  }

  #remove(path: number): void {
    const prefix = this.#prefixOf[path] ?? 0;
    const after = this.#nextPath[path] ?? 0;
    let link = this.#firstPath[prefix] ?? 0;
    if (link === path + 1) {
      this.#firstPath[prefix] = after;
      if (after === 0) this.#size--;
    } else {
      while (this.#nextPath[link - 1] !== path + 1) link = this.#nextPath[link - 1] ?? 0;
      this.#nextPath[link - 1] = after;
    }
    const state = this.#sources[(this.#sourceOf[path] ?? 0) - 1];
    if (state !== undefined) state.count--;
    this.#attributes.release(this.#setOf[path] ?? -1);
    this.#forgetInterface(path);
    this.#sourceOf[path] = 0;
    this.#freePaths.push(path);
    if (this.#best[prefix] === path + 1) this.#best[prefix] = 0;
    this.#touch(prefix);
  }

  #touch(prefix: number): void {
    if (this.#isDirty[prefix] === 1) return;
    this.#isDirty[prefix] = 1;
    this.#dirty.push(prefix);
  }

  #forgetInterface(path: number): void {
    if (this.#interfaceNames.size > 0) this.#interfaceNames.delete(path);
  }

  #growPrefixes(least: number): void {
    const capacity = grownCapacity(this.#firstPath.length, least);
    this.#firstPath = grown(this.#firstPath, capacity);
    this.#best = grown(this.#best, capacity);
    this.#isDirty = grown(this.#isDirty, capacity);
  }

  #growPaths(least: number): void {
    const capacity = grownCapacity(this.#prefixOf.length, least);
    this.#prefixOf = grown(this.#prefixOf, capacity);
    this.#nextPath = grown(this.#nextPath, capacity);
    this.#sourceOf = grown(this.#sourceOf, capacity);
    this.#pathId = grown(this.#pathId, capacity);
    this.#setOf = grown(this.#setOf, capacity);
    this.#generationOf = grown(this.#generationOf, capacity);
    this.#flags = grown(this.#flags, capacity);
  }
}

function identifier(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}

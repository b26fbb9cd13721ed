import type { IpSetId } from '../../calc/ip-set.ts';
import { DeltaTracker } from '../delta-tracker.ts';
import type { SourceKey } from './filter-keys.ts';
import type { SetChange, SourceSets } from './source-sets.ts';
import type { XdpFilter } from './xdp-filter.ts';

/** The networks that one interface blocks: the sum of its sets, beside what its filter has. */
export class Blocklist {
  readonly #sources: SourceSets;
  #sets: ReadonlySet<IpSetId> = new Set();
  /** In how many of the sets a network is, where that is more than one. */
  readonly #more = new Map<SourceKey, number>();
  readonly #wanted = new Set<SourceKey>();
  readonly #tracker = new DeltaTracker<SourceKey, true>();

  constructor(sources: SourceSets) {
    this.#sources = sources;
  }

  /** The sets from now on; those that it had and has no more are released. */
  setSets(ids: readonly IpSetId[]): void {
    const before = this.#sets;
    this.#sets = new Set(ids);
    for (const id of this.#sets.difference(before)) for (const key of this.#sources.retain(id)) this.#add(key);
    for (const id of before.difference(this.#sets)) for (const key of this.#sources.release(id)) this.#remove(key);
  }

  change({ set, added, removed }: SetChange): void {
    if (!this.#sets.has(set)) return;
    for (const key of added) this.#add(key);
    for (const key of removed) this.#remove(key);
  }

  /** Writes what changed; gives how many networks that were. Throws a BpfError: what may not be written stays to be. */
  writeTo(filter: XdpFilter): number {
    const delta = this.#tracker.pending();
    const removals = delta.removals.map(([key]) => key);
    const additions = delta.additions.map(([key]) => key);
    filter.unblock(removals);
    this.#tracker.commit({ removals: delta.removals, additions: [] });
    filter.block(additions);
    this.#tracker.commit({ removals: [], additions: delta.additions });
    return removals.length + additions.length;
  }

  /** Takes what the filter has for what there is. */
  readFrom(filter: XdpFilter): void {
    this.#tracker.replaceActual(filter.sources().map((key) => [key, true]));
  }

  #add(key: SourceKey): void {
    if (this.#wanted.has(key)) {
      this.#more.set(key, (this.#more.get(key) ?? 1) + 1);
      return;
    }
    this.#wanted.add(key);
    this.#tracker.set(key, true);
  }

  #remove(key: SourceKey): void {
    const more = this.#more.get(key);
    if (more !== undefined) {
      if (more === 2) this.#more.delete(key);
      else this.#more.set(key, more - 1);
      return;
    }
    this.#wanted.delete(key);
    this.#tracker.delete(key);
  }
}

import type { Family } from '@calico-node/net';
import type { KernelSet, SetElement } from '@calico-node/netlink/nftables';
import type { DispatchEntry, DispatchMap } from '../../rules/model.ts';
import type { Delta } from '../delta-tracker.ts';
import { chainNameInKernel, mapNameInKernel } from './kernel-names.ts';
import { KernelSetState } from './kernel-set.ts';

interface DispatchState {
  readonly layer: DispatchMap['layer'];
  readonly key: DispatchMap['key'];
  readonly set: KernelSetState;
  exists: boolean;
}

/** Changes to one verdict map. */
export interface DispatchChange {
  readonly set: KernelSetState;
  readonly isNew: boolean;
  readonly delta: Delta<string, string>;
}

/** The verdict maps of one table, from interface names to endpoints' chains. */
export class TableDispatch {
  readonly #family: Family;
  readonly #maps = new Map<string, DispatchState>();

  constructor(family: Family) {
    this.#family = family;
  }

  get count(): number {
    return this.#maps.size;
  }

  /** The kernel's names of the maps. */
  get names(): ReadonlySet<string> {
    return new Set(this.#maps.keys());
  }

  /** Adds the map if it is new, and entries to it. */
  set(map: DispatchMap): void {
    const name = mapNameInKernel(map.layer, map.name);
    const state = this.#maps.get(name) ?? {
      layer: map.layer,
      key: map.key,
      set: new KernelSetState(name, 'dispatch', this.#family),
      exists: false,
    };
    this.#maps.set(name, state);
    for (const { interfaceName, chain } of map.entries) {
      state.set.members.set(interfaceName, chainNameInKernel(map.layer, chain));
    }
  }

  deleteEntry({ layer, name }: Pick<DispatchMap, 'layer' | 'name'>, entry: Pick<DispatchEntry, 'interfaceName'>): void {
    this.#maps.get(mapNameInKernel(layer, name))?.set.members.delete(entry.interfaceName);
  }

  /** By the kernel's name of the map: whether it is to have entries. */
  wantsEntries(map: string): boolean {
    return (this.#maps.get(map)?.set.members.desiredSize ?? 0) > 0;
  }

  /** Whether the kernel has entries in it. */
  hasEntries(map: string): boolean {
    return (this.#maps.get(map)?.set.members.actualSize ?? 0) > 0;
  }

  /** By the kernel's name of the map. */
  keyOf(map: string): DispatchMap['key'] {
    const state = this.#maps.get(map);
    if (state === undefined) throw new Error(`a rule refers to dispatch map ${map}, which does not exist`);
    return state.key;
  }

  /** Takes what a dump found; gives the maps that can't hold our entries. */
  takeActual(kernelSets: readonly KernelSet[], list: (name: string) => readonly SetElement[]): string[] {
    const byName = new Map(kernelSets.map((set) => [set.name, set]));
    const misfits: string[] = [];
    for (const [name, state] of this.#maps) {
      const kernel = byName.get(name);
      state.exists = kernel !== undefined;
      if (kernel === undefined) state.set.takeActual([]);
      else if (state.set.fits(kernel)) state.set.takeActual(list(name));
      else misfits.push(name);
    }
    return misfits;
  }

  changes(mayDelete: boolean): DispatchChange[] {
    const changes: DispatchChange[] = [];
    for (const { set, exists } of this.#maps.values()) {
      const pending = set.members.pending();
      const delta = mayDelete ? pending : { removals: [], additions: pending.additions };
      if (!exists || delta.removals.length + delta.additions.length > 0) changes.push({ set, isNew: !exists, delta });
    }
    return changes;
  }

  commit(changes: readonly DispatchChange[]): void {
    for (const { set, delta } of changes) {
      const state = this.#maps.get(set.name);
      if (state !== undefined) state.exists = true;
      set.members.commit(delta);
    }
  }
}

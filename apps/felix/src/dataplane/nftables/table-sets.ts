import type { Family } from '@calico-node/net';
import type { KernelSet, SetElement, Transaction } from '@calico-node/netlink/nftables';
import type { IpSetId } from '../../calc/ip-set.ts';
import type { Delta } from '../delta-tracker.ts';
import { NetIpSet, PortIpSet, type IpSetState } from './ip-set-state.ts';
import type { KernelSetState } from './kernel-set.ts';

/** What a transaction will have done to the sets once it is committed. */
export interface SetsPlan {
  readonly created: readonly string[];
  readonly changes: readonly { readonly set: KernelSetState; readonly delta: Delta<string, string> }[];
}

/**
 * The IP sets of one table: what should be, and what the kernel has.
 *
 * In a cluster of one address family all sets of the other are empty. Rules need not look into them then, and most of a
 * policy's disappear: a change of policy leaves that family's table alone.
 */
export class TableSets {
  readonly #family: Family;
  readonly #byId = new Map<IpSetId, IpSetState>();
  /** Sets of `#byId` that are to go, with the members that the kernel has until then. */
  readonly #unwanted = new Set<IpSetId>();
  /** Every kernel set that one of ours may use, by the kernel's name. */
  readonly #states = new Map<string, { readonly set: KernelSetState; readonly owner: IpSetState }>();
  /** Names of the sets that the kernel has, ours or not. */
  #existing = new Set<string>();
  /** Kernel sets whose members may differ, or that may have to come or go. */
  readonly #dirty = new Set<string>();
  /** Whether the kernel has sets of ours whose members were not read, because they were not ours yet at that time. */
  #hasUnread = false;
  /** Which kernel sets rules were last told to look into. */
  readonly #shapes = new Map<IpSetId, string>();
  /** IP sets whose members changed since rules were last told. */
  readonly #touched = new Set<IpSetId>();

  /** Wanted sets that have members. */
  readonly #filled = new Set<IpSetId>();
  #wasEmpty = true;

  constructor(family: Family) {
    this.#family = family;
  }

  get hasUnread(): boolean {
    return this.#hasUnread;
  }

  get count(): number {
    return this.#existing.size;
  }

  /** Replaces what was said of the set before. */
  replace(id: IpSetId, kind: 'net' | 'ip-port', members: readonly string[]): void {
    const state = this.#byId.get(id) ?? this.#declare(id, kind);
    this.#unwanted.delete(id);
    state.clear();
    state.add(members);
    this.#touch(state);
  }

  change(id: IpSetId, added: readonly string[], removed: readonly string[]): void {
    const state = this.#byId.get(id);
    if (state === undefined) throw new Error(`IP set ${id} changes without having been announced`);
    state.remove(removed);
    state.add(added);
    this.#touch(state);
  }

  delete(id: IpSetId): void {
    const state = this.#byId.get(id);
    if (state === undefined) return;
    this.#unwanted.add(id);
    this.#touch(state);
  }

  /** The kernel sets that rules have to look into for an IP set; none while no set has a member. */
  partsOf(id: IpSetId): readonly string[] {
    const state = this.#byId.get(id);
    if (state === undefined) throw new Error(`a rule refers to IP set ${id}, which has not been announced`);
    return this.#filled.size === 0 ? [] : state.parts.map(({ name }) => name);
  }

  /** IP sets whose members moved into other kernel sets since the last call: rules that use them have to follow. */
  takeReshaped(): IpSetId[] {
    const reshaped: IpSetId[] = [];
    const isEmpty = this.#filled.size === 0;
    const candidates = isEmpty === this.#wasEmpty ? this.#touched : this.#byId.keys();
    this.#wasEmpty = isEmpty;
    for (const id of candidates) {
      if (!this.#byId.has(id)) continue;
      const shape = this.partsOf(id).join();
      const before = this.#shapes.get(id);
      if (before !== undefined && before !== shape) reshaped.push(id);
      this.#shapes.set(id, shape);
    }
    this.#touched.clear();
    return reshaped;
  }

  /** Takes what a dump found; gives the sets that can't hold our members, for which the table has to be made anew. */
  takeActual(kernelSets: readonly KernelSet[], list: (name: string) => readonly SetElement[]): string[] {
    this.#existing = new Set(kernelSets.map(({ name }) => name));
    this.#hasUnread = false;
    const misfits: string[] = [];
    for (const kernel of kernelSets) {
      this.#dirty.add(kernel.name);
      const state = this.#states.get(kernel.name);
      if (state?.set.fits(kernel) === true) state.set.takeActual(list(kernel.name));
      else if (state !== undefined) misfits.push(kernel.name);
    }
    for (const [name, { set }] of this.#states) {
      this.#dirty.add(name);
      if (!this.#existing.has(name)) set.takeActual([]);
    }
    return misfits;
  }

  /** Adds what creates sets and changes members to a transaction. Without `mayDelete` nothing is taken away. */
  planMembers(transaction: Transaction, mayDelete: boolean): SetsPlan {
    const created: string[] = [];
    const changes: { set: KernelSetState; delta: Delta<string, string> }[] = [];
    for (const name of this.#dirty) {
      const state = this.#states.get(name);
      // A set that is about to go keeps its members for the rules that still use it.
      if (state === undefined || this.#unwanted.has(state.owner.id)) continue;
      const isWanted = this.#isWanted(name);
      if (!this.#existing.has(name)) {
        if (!isWanted) continue;
        transaction.addSet(state.set.spec);
        created.push(name);
      }
      const pending = state.set.members.pending();
      const delta = mayDelete ? pending : { removals: [], additions: pending.additions };
      if (delta.removals.length > 0) transaction.deleteElements(name, state.set.encodeKeys(delta.removals));
      if (delta.additions.length > 0) transaction.addElements(name, state.set.encode(delta.additions));
      if (delta.removals.length + delta.additions.length > 0) changes.push({ set: state.set, delta });
    }
    return { created, changes };
  }

  /** The kernel has made the plan's changes. */
  commitMembers(plan: SetsPlan): void {
    for (const name of plan.created) this.#existing.add(name);
    for (const { set, delta } of plan.changes) set.members.commit(delta);
    for (const name of this.#dirty) {
      const state = this.#states.get(name);
      if (state === undefined || this.#existing.has(name) !== this.#isWanted(name)) continue;
      const { removals, additions } = state.set.members.pending();
      if (removals.length + additions.length === 0) this.#dirty.delete(name);
    }
  }

  /** Adds the deletion of sets that nothing needs to a transaction; gives their names. */
  planDeletions(transaction: Transaction): readonly string[] {
    const unneeded = [...this.#dirty].filter((name) => this.#existing.has(name) && !this.#isWanted(name));
    for (const name of unneeded) transaction.deleteSet(name);
    return unneeded;
  }

  commitDeletions(names: readonly string[]): void {
    for (const name of names) {
      this.#existing.delete(name);
      this.#dirty.delete(name);
      this.#states.get(name)?.set.takeActual([]);
    }
    for (const id of this.#unwanted) this.#forget(id);
  }

  #declare(id: IpSetId, kind: 'net' | 'ip-port'): IpSetState {
    const state = kind === 'net' ? new NetIpSet(id, this.#family) : new PortIpSet(id, this.#family);
    this.#byId.set(id, state);
    for (const set of state.kernelSets) {
      this.#states.set(set.name, { set, owner: state });
      this.#hasUnread ||= this.#existing.has(set.name);
    }
    return state;
  }

  /** Lets go of an unwanted set once nothing of it is in the kernel. */
  #forget(id: IpSetId): void {
    const names = this.#byId.get(id)?.kernelSets.map(({ name }) => name) ?? [];
    if (names.some((name) => this.#existing.has(name))) return;
    for (const name of names) {
      this.#states.delete(name);
      this.#dirty.delete(name);
    }
    this.#byId.delete(id);
    this.#unwanted.delete(id);
    this.#shapes.delete(id);
  }

  #touch(state: IpSetState): void {
    this.#touched.add(state.id);
    if (state.isEmpty || this.#unwanted.has(state.id)) this.#filled.delete(state.id);
    else this.#filled.add(state.id);
    for (const { name } of state.kernelSets) this.#dirty.add(name);
  }

  #isWanted(name: string): boolean {
    const state = this.#states.get(name);
    return state !== undefined && !this.#unwanted.has(state.owner.id) && state.owner.parts.includes(state.set);
  }
}

/**
 * The IP sets of one family, as ipset's sets.
 *
 * Sets have no transactions. A change goes into the set as it stands, what is new before what goes; a set that mostly
 * changes is filled under a temporary name and swapped, so that rules see the old content or the new.
 */
import type { Family } from '@calico-node/net';
import type { IpsetChange, IpsetMember, IpsetSocket, IpsetSpec, KernelIpset } from '@calico-node/netlink/ipset';
import { SetMembers } from '../../calc/set-members.ts';
import type { IpSetId } from '../../calc/ip-set.ts';
import { ipSetName } from '../../rules/names.ts';
import { DeltaTracker, type Delta } from '../delta-tracker.ts';
import { encodeMember, kernelMembersOf, textOf, type IpSetKind } from './ip-set-members.ts';

/** From so many changes on, if they are more than what stays, a set is filled anew and swapped. */
const SWAP_CHANGES = 64;

interface SetState {
  readonly name: string;
  readonly kind: IpSetKind;
  /** What each member stands for in the kernel, counted: `0.0.0.0/0` and its half may both be there. */
  contributions: SetMembers<string>;
  readonly members: DeltaTracker<string, ''>;
  /** `small`: of the right type, with another limit; `other`: of another type. */
  standing: 'missing' | 'right' | 'small' | 'other';
  isWanted: boolean;
}

/** What is to be done before rules may look into the sets. */
export interface IpSetsPlan {
  readonly changes: readonly IpsetChange[];
  readonly made: readonly { readonly state: SetState; readonly delta: Delta<string, ''>; readonly isNew: boolean }[];
}

export class IpSets {
  readonly #family: Family;
  readonly #maxElements: number;
  readonly #byId = new Map<IpSetId, SetState>();
  readonly #byName = new Map<string, { readonly id: IpSetId; readonly state: SetState }>();
  readonly #dirty = new Set<IpSetId>();
  /** Sets of ours, by their names, that the kernel has and nobody wants. */
  readonly #leftover = new Set<string>();
  /** A set was announced whose name the kernel had already, before it was ours. */
  #hasUnread = false;

  constructor(family: Family, maxElements: number) {
    this.#family = family;
    this.#maxElements = maxElements;
  }

  get count(): number {
    return this.#byId.size;
  }

  get hasUnread(): boolean {
    return this.#hasUnread;
  }

  replace(id: IpSetId, kind: IpSetKind, members: readonly string[]): void {
    const state = this.#byId.get(id) ?? this.#declare(id, kind);
    state.isWanted = true;
    state.contributions = noContributions();
    state.members.clear();
    this.#dirty.add(id);
    this.#add(state, members);
  }

  change(id: IpSetId, added: readonly string[], removed: readonly string[]): void {
    const state = this.#byId.get(id);
    if (state === undefined) throw new Error(`IP set ${id} changes without having been announced`);
    for (const member of removed) {
      for (const text of kernelMembersOf(member, state.kind, this.#family)) state.contributions.remove(text);
    }
    this.#add(state, added);
    this.#dirty.add(id);
  }

  delete(id: IpSetId): void {
    const state = this.#byId.get(id);
    if (state === undefined) return;
    // The rules that use it are still there: its content stays until they are gone.
    state.isWanted = false;
    this.#dirty.add(id);
  }

  /** Takes what the kernel has. Gives what of ours is not as it was left, a text each. */
  read(sets: readonly KernelIpset[], membersOf: (name: string) => readonly IpsetMember[]): string[] {
    this.#hasUnread = false;
    this.#leftover.clear();
    const changed: string[] = [];
    const byName = new Map(sets.map((set) => [set.name, set]));
    for (const [id, state] of this.#byId) {
      const set = byName.get(state.name);
      const before = { standing: state.standing, changes: countOf(state.members.pending()) };
      const fits = set?.type === typeOf(state.kind) && set.family === this.#family;
      state.standing =
        set === undefined ? 'missing' : !fits ? 'other' : set.maxElements === this.#maxElements ? 'right' : 'small';
      const members = fits ? membersOf(state.name) : [];
      state.members.replaceActual(members.map((member) => [textOf(member), ''] as const));
      this.#dirty.add(id);
      const isAsBefore = state.standing === before.standing && countOf(state.members.pending()) === before.changes;
      if (before.standing === 'right' && !isAsBefore) changed.push(`set ${state.name}`);
    }
    for (const { name } of sets) if (isOwnName(name, this.#family) && !this.#byName.has(name)) this.#leftover.add(name);
    return changed;
  }

  /** What to do before rules look into the sets. */
  plan(): IpSetsPlan {
    const changes: IpsetChange[] = [];
    const made: { state: SetState; delta: Delta<string, ''>; isNew: boolean }[] = [];
    for (const id of this.#dirty) {
      const state = this.#byId.get(id);
      if (state?.isWanted !== true) continue;
      this.#takeContributions(state);
      const delta = state.members.pending();
      const isNew = state.standing !== 'right';
      if (!isNew && countOf(delta) === 0) {
        this.#dirty.delete(id);
        continue;
      }
      changes.push(...this.#changesOf(state, delta, made.length));
      made.push({ state, delta, isNew });
    }
    return { changes, made };
  }

  /** The kernel has done it. Nothing was changed meanwhile. */
  commit({ made }: IpSetsPlan): string[] {
    for (const { state, delta } of made) {
      state.standing = 'right';
      state.members.commit(delta);
      const known = this.#byName.get(state.name);
      if (known !== undefined) this.#dirty.delete(known.id);
    }
    return made.map(({ state, delta, isNew }) =>
      isNew ? `set ${state.name} made` : `set ${state.name} +${delta.additions.length} -${delta.removals.length}`,
    );
  }

  /** Sets that no rule looks into any more. */
  deletions(): string[] {
    const unwanted = [...this.#dirty].flatMap((id) => {
      const state = this.#byId.get(id);
      return state === undefined || state.isWanted || state.standing === 'missing' ? [] : [state.name];
    });
    return [...unwanted, ...this.#leftover];
  }

  /** The kernel has destroyed them. */
  commitDeletions(names: readonly string[]): void {
    for (const name of names) {
      this.#leftover.delete(name);
      const state = this.#byName.get(name)?.state;
      if (state !== undefined) state.standing = 'missing';
    }
    for (const id of this.#dirty) {
      const state = this.#byId.get(id);
      if (state === undefined || state.isWanted || state.standing !== 'missing') continue;
      this.#byId.delete(id);
      this.#byName.delete(state.name);
      this.#dirty.delete(id);
    }
  }

  #declare(id: IpSetId, kind: IpSetKind): SetState {
    const name = ipSetName(id, this.#family);
    const state: SetState = {
      name,
      kind,
      contributions: noContributions(),
      members: new DeltaTracker(),
      standing: 'missing',
      isWanted: true,
    };
    this.#byId.set(id, state);
    this.#byName.set(name, { id, state });
    this.#hasUnread ||= this.#leftover.delete(name);
    return state;
  }

  #add(state: SetState, members: readonly string[]): void {
    for (const member of members) {
      for (const text of kernelMembersOf(member, state.kind, this.#family)) state.contributions.add(text);
    }
  }

  #takeContributions({ contributions, members }: SetState): void {
    const { added, removed } = contributions.takeChanges();
    for (const text of removed) members.delete(text);
    for (const text of added) members.set(text, '');
  }

  #changesOf(state: SetState, delta: Delta<string, ''>, index: number): IpsetChange[] {
    const { name, kind, members, standing } = state;
    const set: IpsetSpec = { name, type: typeOf(kind), family: this.#family, maxElements: this.#maxElements };
    const change = (what: 'add' | 'delete', of: IpsetSpec, texts: Iterable<string>): IpsetChange[] => {
      const list = [...texts].map((text) => encodeMember(text, kind));
      return list.length === 0 ? [] : [{ kind: what, set: of, members: list }];
    };
    const keys = (entries: Delta<string, ''>['additions']): string[] => entries.map(([text]) => text);
    if (standing === 'missing' || standing === 'other') {
      const clear: IpsetChange[] = standing === 'other' ? [{ kind: 'destroy', name }] : [];
      return [...clear, { kind: 'create', set }, ...change('add', set, members.desiredKeys())];
    }
    const isMostlyNew = countOf(delta) > SWAP_CHANGES && countOf(delta) > members.desiredSize;
    if (standing === 'right' && !isMostlyNew) {
      return [...change('add', set, keys(delta.additions)), ...change('delete', set, keys(delta.removals))];
    }
    const temporary = { ...set, name: `cali${this.#family}t${index}` };
    return [
      { kind: 'destroy', name: temporary.name },
      { kind: 'create', set: temporary },
      ...change('add', temporary, members.desiredKeys()),
      { kind: 'swap', name, other: temporary.name },
      { kind: 'destroy', name: temporary.name },
    ];
  }
}

/** Changes are told from here on. */
function noContributions(): SetMembers<string> {
  const contributions = new SetMembers<string>();
  contributions.takeAll();
  return contributions;
}

/** Reads both families' sets at once. */
export function readIpSets(socket: IpsetSocket, families: readonly IpSets[]): string[] {
  const sets = socket.list();
  return families.flatMap((family) => family.read(sets, (name) => socket.members(name)));
}

/** By Calico's contract: `cali40s:...`, the temporary `cali4t0`, and what releases before them called theirs. */
const ownNames: Readonly<Record<Family, RegExp>> = {
  4: /^(?:cali4|felix-4|felix-masq-ipam-pools|felix-all-ipam-pools)/,
  6: /^(?:cali6|felix-6)/,
};

/** Whether a set of that name is ours, to change and to destroy. */
export function isOwnName(name: string, family: Family): boolean {
  return ownNames[family].test(name);
}

function typeOf(kind: IpSetKind): IpsetSpec['type'] {
  return kind === 'net' ? 'hash:net' : 'hash:ip,port';
}

function countOf({ additions, removals }: Delta<string, ''>): number {
  return additions.length + removals.length;
}

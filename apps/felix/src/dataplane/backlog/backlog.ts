/**
 * Changes that wait for the kernel, and which of them go next.
 *
 *   calc ─► add ─► by what they are about, the newest of each ─► take: a piece of bounded size ─► one apply
 *
 * A piece begins with the endpoints that the store has news of, each with all that it needs: its policies and profiles,
 * the sets that those look into. So a new endpoint waits for one piece of whatever else is under way, and is never there
 * with less than its whole policy. The rest goes in an order in which nothing refers to what is not there. A policy's
 * change is in one piece; only in bulk are changes of several policies in several. After the last piece the kernel has
 * what it would have had in one.
 */
import type { Intent } from '../../calc/intents.ts';
import { formOf, groupCountOf, keyOf, policyKeysOf, setKeysOf, stageOf, stages, type Stage } from './intent-traits.ts';
import { PendingSet } from './pending-set.ts';

/** So many members of a set are as much work as one policy. */
const MEMBERS_PER_UNIT = 40;
/** As are so many of an endpoint's groups of policies, once those are there. */
const GROUPS_PER_UNIT = 5;

interface Entry {
  readonly stage: Stage;
  readonly what: Intent | PendingSet;
}

export class Backlog {
  /** All up to the first snapshot's end, which is one piece: what is there already is found by comparing with the whole. */
  #snapshot: Intent[] = [];
  #isSnapshotTaken = false;
  readonly #entries = new Map<string, Entry>();
  /** Keys of entries, by stage. */
  readonly #queues: readonly Set<string>[] = Object.values(stages).map(() => new Set<string>());
  /** What was taken and not removed since, by key: in which form. */
  readonly #told = new Map<string, string>();
  /** Policies and profiles that some endpoint has: a driver may write those of nobody only when somebody gets them. */
  readonly #attached = new Set<string>();
  /** The sets that policies and profiles look into, where they do. */
  readonly #setsOf = new Map<string, readonly string[]>();
  /** Whether the next piece has to be all there is. */
  #isIndivisible = false;

  get isEmpty(): boolean {
    return this.#entries.size === 0 && this.#snapshot.length === 0;
  }

  add(intents: readonly Intent[]): void {
    for (const intent of intents) {
      if (this.#isSnapshotTaken) this.#add(intent);
      else this.#snapshot.push(intent);
    }
  }

  /**
   * The next piece: work of about `size` units, one for a policy, and for one that an endpoint is the first to have. With
   * less than that only if there is no more.
   */
  take(size: number): readonly Intent[] {
    if (!this.#isSnapshotTaken) return this.#takeSnapshot();
    const piece: Intent[] = [];
    let left = this.#isIndivisible ? Infinity : size;
    for (const queue of this.#queues) {
      for (const key of queue) {
        if (left <= 0) return piece;
        left -= this.#move(key, piece, left);
      }
    }
    this.#isIndivisible = false;
    return piece;
  }

  #takeSnapshot(): readonly Intent[] {
    const snapshot = this.#snapshot;
    this.#snapshot = [];
    for (const intent of snapshot) {
      this.#note(intent);
      this.#noteTold(keyOf(intent), intent);
      if (intent.type === 'in-sync') this.#isSnapshotTaken = true;
    }
    return snapshot;
  }

  #add(intent: Intent): void {
    const key = keyOf(intent);
    const pending = this.#entries.get(key);
    this.#note(intent);
    if (intent.type === 'ip-set-delta' && pending?.what instanceof PendingSet) {
      pending.what.change(intent);
      if (pending.what.isEmpty) this.#drop(key);
      return;
    }
    this.#drop(key);
    const told = this.#told.get(key);
    if (told === undefined && intent.type.endsWith('-remove')) {
      this.#setsOf.delete(key);
      return;
    }
    const isSet = intent.type === 'ip-set-update' || intent.type === 'ip-set-delta';
    const stage = this.#stageOf(intent, told);
    this.#entries.set(key, { stage, what: isSet ? new PendingSet(intent) : intent });
    this.#queues[stage]?.add(key);
  }

  #stageOf(intent: Intent, told: string | undefined): Stage {
    const stage = stageOf[intent.type];
    if (told === formOf(intent)) return stage;
    if (stage === stages.endpoints) return stages.ownEndpoints;
    if (stage !== stages.policies) return stage;
    if (told === undefined) return stages.newPolicies;
    // A chain goes from where some endpoint may still jump to it.
    this.#isIndivisible = true;
    return stage;
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#queues[entry.stage]?.delete(key);
  }

  /** Moves what is pending of a key into the piece, what it needs before it. Gives how much work that is. */
  #move(key: string, piece: Intent[], left: number): number {
    const entry = this.#entries.get(key);
    if (entry === undefined) return 0;
    const { what } = entry;
    if (what instanceof PendingSet) return this.#moveMembers(key, what, piece, left);
    let work = 1 + groupCountOf(what) / GROUPS_PER_UNIT;
    for (const policy of policyKeysOf(what)) {
      work += this.#moveSetsOf(policy, piece) + this.#move(policy, piece, Infinity);
      if (this.#attached.has(policy)) continue;
      this.#attached.add(policy);
      work += 1;
    }
    if (!what.type.endsWith('-remove')) work += this.#moveSetsOf(key, piece);
    this.#drop(key);
    this.#noteTold(key, what);
    piece.push(what);
    return work;
  }

  /** Moves what is pending of the sets that a policy or profile looks into. */
  #moveSetsOf(key: string, piece: Intent[]): number {
    return (this.#setsOf.get(key) ?? []).reduce((work, set) => work + this.#move(set, piece, Infinity), 0);
  }

  #moveMembers(key: string, set: PendingSet, piece: Intent[], left: number): number {
    // Of a set that is gone and back before the kernel knew, it is not known what to add and remove.
    const limit = this.#told.has(key) && set.isAnnouncement ? Infinity : Math.ceil(left * MEMBERS_PER_UNIT);
    const before = set.size;
    piece.push(set.take(limit));
    this.#told.set(key, '');
    if (set.isEmpty) this.#drop(key);
    return 1 + (before - set.size) / MEMBERS_PER_UNIT;
  }

  /** Remembers what a policy or profile will look into. */
  #note(intent: Intent): void {
    if (intent.type !== 'policy-update' && intent.type !== 'profile-update') return;
    const sets = setKeysOf(intent);
    if (sets.length === 0) this.#setsOf.delete(keyOf(intent));
    else this.#setsOf.set(keyOf(intent), sets);
  }

  #noteTold(key: string, intent: Intent): void {
    if (!intent.type.endsWith('-remove')) this.#told.set(key, formOf(intent));
    else {
      this.#told.delete(key);
      this.#attached.delete(key);
      this.#setsOf.delete(key);
    }
  }
}

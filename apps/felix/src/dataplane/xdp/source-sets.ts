import type { IpSetDelta, IpSetUpdate } from '../../calc/intents.ts';
import type { IpSetId } from '../../calc/ip-set.ts';
import type { Cidr } from '@calico-node/net';
import { sourceKeysOf, type SourceKey } from './filter-keys.ts';

/** What came to a set, and what left it. */
export interface SetChange {
  readonly set: IpSetId;
  readonly added: readonly SourceKey[];
  readonly removed: readonly SourceKey[];
}

/**
 * The IPv4 members of the IP sets that some interface blocks. What a set holds is asked for once, when its first user
 * comes, and may be newer than what has been told of it: told again, it makes no difference.
 */
export class SourceSets {
  readonly #membersOf: (set: IpSetId) => Iterable<Cidr>;
  readonly #sets = new Map<IpSetId, { readonly members: Set<SourceKey>; users: number }>();

  constructor(membersOf: (set: IpSetId) => Iterable<Cidr>) {
    this.#membersOf = membersOf;
  }

  /** Adds a user, and gives what the set holds. */
  retain(id: IpSetId): Iterable<SourceKey> {
    const known = this.#sets.get(id);
    const set = known ?? { members: new Set(sourceKeysOf(this.#membersOf(id))), users: 0 };
    if (known === undefined) this.#sets.set(id, set);
    set.users += 1;
    return set.members;
  }

  /** Takes a user away, and gives what the set held for it. */
  release(id: IpSetId): Iterable<SourceKey> {
    const set = this.#sets.get(id);
    if (set === undefined) return [];
    set.users -= 1;
    if (set.users === 0) this.#sets.delete(id);
    return set.members;
  }

  /** What a change of a set means; `undefined` when nobody uses it, or nothing is new. */
  change(intent: IpSetUpdate | IpSetDelta): SetChange | undefined {
    const members = this.#sets.get(intent.id)?.members;
    if (members === undefined || intent.kind !== 'net') return undefined;
    const isWhole = intent.type === 'ip-set-update';
    const come = sourceKeysOf(isWhole ? intent.members : intent.added);
    const left = isWhole ? [...members.difference(new Set(come))] : sourceKeysOf(intent.removed);
    const added = come.filter((key) => !members.has(key));
    const removed = left.filter((key) => members.delete(key));
    for (const key of added) members.add(key);
    return added.length + removed.length === 0 ? undefined : { set: intent.id, added, removed };
  }
}

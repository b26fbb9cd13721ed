import type { IpSetDelta, IpSetUpdate } from '../../calc/intents.ts';

/** What is still to be told of one IP set: its first announcement with what has changed since, or a change. */
export class PendingSet {
  readonly #id: IpSetUpdate['id'];
  readonly #kind: IpSetUpdate['kind'];
  /** Of the announcement, all members. */
  readonly #added: Set<string>;
  readonly #removed: Set<string>;
  #isAnnounced: boolean;

  constructor(intent: IpSetUpdate | IpSetDelta) {
    this.#id = intent.id;
    this.#kind = intent.kind;
    this.#isAnnounced = intent.type === 'ip-set-delta';
    this.#added = new Set<string>(intent.type === 'ip-set-delta' ? intent.added : intent.members);
    this.#removed = new Set<string>(intent.type === 'ip-set-delta' ? intent.removed : []);
  }

  get isEmpty(): boolean {
    return this.#isAnnounced && this.size === 0;
  }

  /** Whether it is the first announcement, which replaces whatever was told before. */
  get isAnnouncement(): boolean {
    return !this.#isAnnounced;
  }

  /** Members to tell of. */
  get size(): number {
    return this.#added.size + this.#removed.size;
  }

  /** Takes what has changed since. */
  change({ added, removed }: IpSetDelta): void {
    for (const member of removed) if (!this.#added.delete(member)) this.#removed.add(member);
    for (const member of added) if (!this.#removed.delete(member)) this.#added.add(member);
  }

  // The members are all of the sort that the set's kind says: they came so.

  /** Tells of up to so many members: those that come first, so that what is in the set before and after always is. */
  take(limit: number): IpSetUpdate | IpSetDelta {
    const id = this.#id;
    const added = takeFrom(this.#added, limit);
    if (!this.#isAnnounced) {
      this.#isAnnounced = true;
      return { type: 'ip-set-update', id, kind: this.#kind, members: added } as unknown as IpSetUpdate;
    }
    const removed = takeFrom(this.#removed, limit - added.length);
    return { type: 'ip-set-delta', id, kind: this.#kind, added, removed } as unknown as IpSetDelta;
  }
}

function takeFrom(members: Set<string>, limit: number): readonly string[] {
  const taken: string[] = [];
  for (const member of members) {
    if (taken.length >= limit) break;
    taken.push(member);
    members.delete(member);
  }
  return taken;
}

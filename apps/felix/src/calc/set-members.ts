/**
 * The content of one IP set as a sum of contributions: a member is in the set as long as anything
 * contributes it. Changes since the last `take` are kept as a difference, so that reporting them costs
 * what changed and not what the set holds; before the first one there is nothing to differ from.
 */
export class SetMembers<Member> {
  readonly #members = new Set<Member>();
  /** Contributions beyond the first, of the few members that have them. */
  readonly #more = new Map<Member, number>();
  readonly #added = new Set<Member>();
  readonly #removed = new Set<Member>();
  #isTold = false;

  get hasChanges(): boolean {
    return !this.#isTold || this.#added.size > 0 || this.#removed.size > 0;
  }

  /** The whole content, whatever has been told of it. */
  values(): Iterable<Member> {
    return this.#members.values();
  }

  add(member: Member): void {
    if (this.#members.has(member)) {
      this.#more.set(member, (this.#more.get(member) ?? 0) + 1);
      return;
    }
    this.#members.add(member);
    if (this.#isTold && !this.#removed.delete(member)) this.#added.add(member);
  }

  /** Takes one contribution back; it must have been added. */
  remove(member: Member): void {
    const more = this.#more.get(member) ?? 0;
    if (more > 0) {
      if (more === 1) this.#more.delete(member);
      else this.#more.set(member, more - 1);
      return;
    }
    this.#members.delete(member);
    if (this.#isTold && !this.#added.delete(member)) this.#removed.add(member);
  }

  /** The difference since the last call of this or `takeAll`; after `takeAll`. */
  takeChanges(): { readonly added: readonly Member[]; readonly removed: readonly Member[] } {
    const changes = { added: [...this.#added], removed: [...this.#removed] };
    this.#added.clear();
    this.#removed.clear();
    return changes;
  }

  /** The whole content; the difference starts anew from it. */
  takeAll(): readonly Member[] {
    this.#isTold = true;
    this.#added.clear();
    this.#removed.clear();
    return [...this.#members];
  }
}

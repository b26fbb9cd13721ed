/**
 * The content of one IP set as a sum of contributions: a member is in the set as long as anything
 * contributes it. Changes since the last `take` are kept as a difference, so that reporting them costs
 * what changed and not what the set holds.
 */
export class SetMembers<Member> {
  readonly #counts = new Map<Member, number>();
  readonly #added = new Set<Member>();
  readonly #removed = new Set<Member>();

  get hasChanges(): boolean {
    return this.#added.size > 0 || this.#removed.size > 0;
  }

  add(member: Member): void {
    const count = this.#counts.get(member) ?? 0;
    this.#counts.set(member, count + 1);
    if (count === 0 && !this.#removed.delete(member)) this.#added.add(member);
  }

  /** Takes one contribution back; it must have been added. */
  remove(member: Member): void {
    const count = this.#counts.get(member) ?? 0;
    if (count > 1) {
      this.#counts.set(member, count - 1);
      return;
    }
    this.#counts.delete(member);
    if (!this.#added.delete(member)) this.#removed.add(member);
  }

  /** The difference since the last call of this or `takeAll`. */
  takeChanges(): { readonly added: readonly Member[]; readonly removed: readonly Member[] } {
    const changes = { added: [...this.#added], removed: [...this.#removed] };
    this.#added.clear();
    this.#removed.clear();
    return changes;
  }

  /** The whole content; the difference starts anew from it. */
  takeAll(): readonly Member[] {
    this.#added.clear();
    this.#removed.clear();
    return [...this.#counts.keys()];
  }
}

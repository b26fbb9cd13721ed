/**
 * Remembers which objects the dataplane has been told of and which may have changed since, so that a
 * flush says each thing once, removals name only what was announced, and the work is proportional to
 * what was touched.
 */
export class Announcer<Id extends string> {
  readonly #announced = new Set<Id>();
  readonly #touched = new Set<Id>();

  /** The object may have changed, come or gone. */
  touch(id: Id): void {
    this.#touched.add(id);
  }

  /**
   * One update or removal for each touched object, in the order of ids. `render` gives the object's
   * update, `gone` when it is not wanted, or `unchanged`.
   */
  take<Update, Removal>(
    render: (id: Id, isAnnounced: boolean) => Update | 'gone' | 'unchanged',
    remove: (id: Id) => Removal,
  ): { readonly updates: readonly Update[]; readonly removals: readonly Removal[] } {
    const updates: Update[] = [];
    const removals: Removal[] = [];
    for (const id of [...this.#touched].sort()) {
      const rendered = render(id, this.#announced.has(id));
      if (rendered === 'unchanged') continue;
      if (rendered !== 'gone') {
        this.#announced.add(id);
        updates.push(rendered);
      } else if (this.#announced.delete(id)) {
        removals.push(remove(id));
      }
    }
    this.#touched.clear();
    return { updates, removals };
  }
}

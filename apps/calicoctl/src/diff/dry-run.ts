import type { Backend } from '@calico-node/datastore';
import { decodeResource, resourceKey, type Resource } from '@calico-node/model';
import { nameOf, type Named } from '../commands/named.ts';
import type { Outcome, Verb } from '../commands/outcome.ts';
import { CommandError, type Io } from '../io.ts';
import { compareResources, renderChanges, type Difference } from './compare.ts';

interface DryRunOptions {
  /** Say nothing of resources that stay as they are, and sum nothing up. */
  readonly onlyDifferences?: boolean;
}

/** What would change, resource by resource, printed in the order of the input. The backend must be an overlay. */
export class DryRun {
  readonly #backend: Backend;
  readonly #io: Io;
  readonly #onlyDifferences: boolean;
  readonly #counts: Record<Difference['type'], number> = { created: 0, changed: 0, deleted: 0, unchanged: 0 };
  /** Finished before an earlier one was: several run at a time. */
  readonly #waiting = new Map<number, string>();
  #next = 0;

  constructor(overlay: Backend, io: Io, { onlyDifferences = false }: DryRunOptions = {}) {
    this.#backend = overlay;
    this.#io = io;
    this.#onlyDifferences = onlyDifferences;
  }

  /** Whether anything would change. */
  get hasDifferences(): boolean {
    const { created, changed, deleted } = this.#counts;
    return created + changed + deleted > 0;
  }

  /** Runs what writes the resource, and prints what it did to it. `index` is the resource's place, from 0. */
  async observe(resource: Named, index: number, write: () => Promise<void>): Promise<void> {
    let text = '';
    try {
      const before = await this.#read(resource);
      await write();
      const difference = compareResources(before, await this.#read(resource));
      this.#counts[difference.type] += 1;
      text = this.#render(resource, difference);
    } finally {
      this.#waiting.set(index, text);
      this.#print();
    }
  }

  /** Sums up. @throws CommandError when anything could not be written. */
  report(verb: Verb, { errors, failed }: Outcome): void {
    const { created, changed, deleted, unchanged } = this.#counts;
    const counts = [
      [created, 'to create'],
      [changed, 'to change'],
      [deleted, 'to delete'],
      [unchanged, 'unchanged'],
      [failed, 'refused'],
    ] as const;
    const summary = counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
    this.#io.out(`Dry run: ${summary.length === 0 ? 'nothing to do' : summary.join(', ')}; nothing was written\n`);
    if (failed > 0) throw new CommandError(`would fail to ${verb.base}: [${errors.join(' ')}]`);
  }

  async #read({ kind, metadata: { name, namespace } }: Named): Promise<Resource | undefined> {
    const found = await this.#backend.get(resourceKey(kind, name, namespace));
    return found === undefined ? undefined : decodeResource(kind, found.value, found.revision);
  }

  #render(resource: Named, difference: Difference): string {
    if (difference.type !== 'unchanged') {
      return `${nameOf(resource)}: ${difference.type}\n${renderChanges(difference.changes)}`;
    }
    return this.#onlyDifferences ? '' : `${nameOf(resource)}: unchanged\n`;
  }

  #print(): void {
    for (let text = this.#waiting.get(this.#next); text !== undefined; text = this.#waiting.get(this.#next)) {
      this.#waiting.delete(this.#next);
      this.#next += 1;
      if (text !== '') this.#io.out(text);
    }
  }
}

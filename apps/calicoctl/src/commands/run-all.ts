import type { Kind } from '@calico-node/model';
import { describeError } from '../describe-error.ts';
import type { Position } from '../input/documents.ts';
import { describePosition } from '../input/problems.ts';
import type { Io } from '../io.ts';
import { Progress } from '../progress.ts';
import { nameOf, type Named } from './named.ts';
import type { Outcome } from './outcome.ts';

/** How many requests are under way at a time. */
const CONCURRENCY = 32;

/** Kinds whose rules look at the other resources of the kind, so that they are written one after another. */
const ONE_BY_ONE: ReadonlySet<Kind> = new Set(['IPPool']);

/** How many failures are told of one by one. */
const MAX_ERRORS = 100;

/** A resource and, if it is of a file, where it stands there. */
export interface Item<N extends Named> {
  readonly resource: N;
  readonly position?: Position | undefined;
}

export interface RunOptions {
  readonly io: Io;
  /** For the progress: `applied`. */
  readonly past: string;
  readonly total: number;
  /** The items' kind, when all have the same. */
  readonly kind: Kind | undefined;
}

/**
 * Does something with each resource, several at a time, and with those of one kind after those of the kind
 * before, since later ones may depend on earlier ones (a policy on its tier). The same resource twice is in
 * order too. A failure does not keep the rest from being done. When the user asks to stop, what is under way is
 * finished.
 */
export async function runAll<N extends Named>(
  items: AsyncIterable<Item<N>> | Iterable<Item<N>>,
  { io, past, total, kind }: RunOptions,
  one: (resource: N, index: number) => Promise<void>,
): Promise<Outcome> {
  const stop = io.interrupted();
  const progress = new Progress(io, past, total);
  const running = new Map<string, Promise<void>>();
  const errors: { readonly index: number; readonly text: string }[] = [];
  let failed = 0;
  let handled = 0;
  let index = 0;
  let current: Kind | undefined;
  const run = async ({ resource, position }: Item<N>, at: number, id: string): Promise<void> => {
    try {
      await one(resource, at);
      handled += 1;
    } catch (error) {
      failed += 1;
      const place = position === undefined ? '' : ` (${describePosition(position)})`;
      if (errors.length < MAX_ERRORS) errors.push({ index: at, text: `${describeError(error)}${place}` });
    } finally {
      running.delete(id);
      progress.tick(handled, failed);
    }
  };
  for await (const item of items) {
    const { kind: itsKind } = item.resource;
    const id = nameOf(item.resource);
    const isBarrier = itsKind !== current || ONE_BY_ONE.has(itsKind) || running.has(id);
    if (isBarrier) await Promise.all(running.values());
    else if (running.size >= CONCURRENCY) await Promise.race(running.values());
    if (stop.aborted) break;
    current = itsKind;
    running.set(id, run(item, index, id));
    index += 1;
  }
  await Promise.all(running.values());
  progress.end();
  errors.sort((a, b) => a.index - b.index);
  return {
    total,
    handled,
    failed,
    kind,
    errors: errors.map(({ text }) => text),
    isInterrupted: stop.aborted && index < total,
  };
}

/**
 * All or nothing: every problem of every document is found before anything is done, so that a file with one bad
 * document changes nothing. What was found good is kept aside, not read again: what is applied is what was
 * checked, also when it came through a pipe, and the whole is never held in memory.
 */
import type { Kind } from '@calico-node/model';
import type { Io } from '../io.ts';
import { Progress } from '../progress.ts';
import { readResources, warn, type LoadedResource, type LoadOptions } from './load.ts';
import { describeProblem, ProblemList } from './problems.ts';
import { Spool } from './spool.ts';

/** The checked resources of an input, in its order. */
export interface Staged extends AsyncDisposable {
  readonly total: number;
  /** The resources' kind, when all have the same. */
  readonly kind: Kind | undefined;
  items(): AsyncIterable<LoadedResource>;
}

/** @throws InputError for resources that are refused, CommandError for files that can't be read. */
export async function stageResources(
  options: LoadOptions,
  io: Io,
  spool = new Spool<LoadedResource>(),
): Promise<Staged> {
  const problems = new ProblemList();
  const kinds = new Set<Kind>();
  const progress = new Progress(io, 'read');
  try {
    for await (const result of readResources(options, io)) {
      if (result.type === 'resource') {
        const { resource, position, warnings } = result;
        warn(io, warnings);
        kinds.add(resource.kind);
        await spool.add({ resource, position });
        progress.tick(spool.count);
      } else if (options.skipInvalid === true) {
        for (const problem of result.problems) io.err(`skipped: ${describeProblem(problem)}\n`);
      } else {
        problems.add(result.problems);
      }
    }
    progress.end();
    problems.throwIfAny();
  } catch (error) {
    progress.end();
    await spool[Symbol.asyncDispose]();
    throw error;
  }
  const [kind] = kinds;
  return {
    total: spool.count,
    kind: kinds.size === 1 ? kind : undefined,
    items: () => spool.items(),
    [Symbol.asyncDispose]: () => spool[Symbol.asyncDispose](),
  };
}

import { DryRun } from '../diff/dry-run.ts';
import type { LoadOptions } from '../input/load.ts';
import { stageResources } from '../input/stage.ts';
import { CommandError, type Io } from '../io.ts';
import { withSession, type DatastoreOptions } from '../session.ts';
import { runAll } from './run-all.ts';
import { applyOne } from './write.ts';

/** Exit codes, as of diff(1). */
const DIFFERENT = 1;
const TROUBLE = 2;

/**
 * `calicoctl diff -f`: what `apply` would change. The exit code is 0 for nothing, 1 for something, 2 when it can't
 * be told.
 */
export async function diff(options: DatastoreOptions & LoadOptions, io: Io): Promise<void> {
  if (await hasDifferences(options, io)) throw new CommandError('', { exitCode: DIFFERENT });
}

async function hasDifferences(options: DatastoreOptions & LoadOptions, io: Io): Promise<boolean> {
  try {
    await using staged = await stageResources(options, io);
    const { total, kind } = staged;
    return await withSession(
      options,
      io,
      async ({ backend, resources }) => {
        await resources.ensureInitialized({}).catch(() => undefined);
        const dryRun = new DryRun(backend, io, { onlyDifferences: true });
        const run = { io, past: 'compared', total, kind };
        const { errors, isInterrupted } = await runAll(staged.items(), run, (resource, index) =>
          dryRun.observe(resource, index, () => applyOne(resource, resources)),
        );
        if (isInterrupted) throw new CommandError('interrupted');
        if (errors.length > 0) throw new CommandError(`apply would fail: [${errors.join(' ')}]`);
        return dryRun.hasDifferences;
      },
      { isDryRun: true },
    );
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new CommandError(message, { exitCode: TROUBLE, cause: error });
  }
}

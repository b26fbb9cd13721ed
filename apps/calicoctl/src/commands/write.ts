import { isDatastoreError, type Resources } from '@calico-node/datastore';
import type { Resource } from '@calico-node/model';
import { DryRun } from '../diff/dry-run.ts';
import type { LoadOptions } from '../input/load.ts';
import { stageResources } from '../input/stage.ts';
import type { Io } from '../io.ts';
import { withSession, type DatastoreOptions } from '../session.ts';
import { besideImpact, openImpact, refuseImpactAlone, type ImpactOptions } from './impact/open-impact.ts';
import type { Named } from './named.ts';
import { reportOutcome, type Verb } from './outcome.ts';
import { refuseReadOnly } from './read-only.ts';
import { runAll } from './run-all.ts';
import { update, withoutRevision } from './update.ts';

export type WriteOptions = DatastoreOptions &
  LoadOptions &
  ImpactOptions & {
    readonly skipExists?: boolean;
  };

/** Writes one resource. */
export type WriteOne = (resource: Resource, resources: Resources) => Promise<void>;

/** `calicoctl create`: resources that exist are errors, or left alone with `--skip-exists`. */
export function create(options: WriteOptions, io: Io): Promise<void> {
  return writeAll(options, io, { base: 'create', past: 'created' }, createOne(options.skipExists === true));
}

/** `calicoctl apply`: creates, or else updates. */
export function apply(options: WriteOptions, io: Io): Promise<void> {
  return writeAll(options, io, { base: 'apply', past: 'applied' }, applyOne);
}

/** `calicoctl replace`: updates resources that must exist. */
export function replace(options: WriteOptions, io: Io): Promise<void> {
  return writeAll(options, io, { base: 'replace', past: 'replaced' }, async (resource, resources) => {
    refuseReadOnly('Update', resource);
    await update(resource, resources);
  });
}

/** `calicoctl import`: as `apply`, or, with `--skip-exists`, `create` of what is not there. */
export function importResources(options: WriteOptions, io: Io): Promise<void> {
  const one = options.skipExists === true ? createOne(true) : applyOne;
  return writeAll(options, io, { base: 'import', past: 'imported' }, one);
}

function createOne(skipExists: boolean): WriteOne {
  return async (resource, resources) => {
    refuseReadOnly('Create', resource);
    try {
      await resources.create(resource);
    } catch (error) {
      if (!skipExists || !isDatastoreError(error, 'already-exists')) throw error;
    }
  };
}

export async function applyOne(resource: Resource, resources: Resources): Promise<void> {
  refuseReadOnly('Apply', resource);
  try {
    await resources.create(withoutRevision(resource));
  } catch (error) {
    if (!isDatastoreError(error, 'already-exists', 'unsupported')) throw error;
    await update(resource, resources);
  }
}

async function writeAll(options: WriteOptions, io: Io, verb: Verb, one: WriteOne): Promise<void> {
  const isDryRun = options.dryRun === true;
  refuseImpactAlone(options);
  await using staged = await stageResources(options, io);
  const { total, kind } = staged;
  const aside = besideImpact(options, io);
  const run = { io: aside, total, kind, past: isDryRun ? 'compared' : verb.past };
  await withSession(
    options,
    io,
    async ({ backend, resources }) => {
      await resources.ensureInitialized({}).catch(() => undefined); // the write itself will say what is wrong
      const dryRun = isDryRun ? new DryRun(backend, aside) : undefined;
      const impact = await openImpact(options, resources);
      const written: Named[] = [];
      const outcome = await runAll(staged.items(), run, (resource, index) => {
        const write = (): Promise<void> => one(resource, resources);
        if (impact !== undefined) written.push(resource);
        return dryRun === undefined ? write() : dryRun.observe(resource, index, write);
      });
      if (dryRun === undefined) reportOutcome(verb, outcome, io);
      else dryRun.report(verb, outcome);
      await impact?.report(written, io);
    },
    { isDryRun },
  );
}

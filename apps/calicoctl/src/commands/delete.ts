import { isDatastoreError } from '@calico-node/datastore';
import { DryRun } from '../diff/dry-run.ts';
import { CommandError, type Io } from '../io.ts';
import { withSession, type DatastoreOptions } from '../session.ts';
import { besideImpact, openImpact, refuseImpactAlone, type ImpactOptions } from './impact/open-impact.ts';
import { reportOutcome } from './outcome.ts';
import { refuseReadOnly } from './read-only.ts';
import { runAll } from './run-all.ts';
import { targetsOf, type TargetOptions } from './targets.ts';

export type DeleteOptions = DatastoreOptions &
  TargetOptions &
  ImpactOptions & {
    readonly skipNotExists?: boolean;
  };

const verb = { base: 'delete', past: 'deleted' };

/** `calicoctl delete KIND NAME...` or `-f`. */
export async function deleteResources(options: DeleteOptions, io: Io): Promise<void> {
  const isDryRun = options.dryRun === true;
  refuseImpactAlone(options);
  const targets = await targetsOf(options, io);
  const items = targets.map((target) => {
    if (target.type === 'one') return { resource: target.named, position: target.position };
    throw new CommandError(`resource name must be specified to delete a ${target.kind}`);
  });
  const kinds = new Set(items.map(({ resource }) => resource.kind));
  const [first] = kinds;
  const aside = besideImpact(options, io);
  const run = {
    io: aside,
    past: isDryRun ? 'compared' : verb.past,
    total: items.length,
    kind: kinds.size === 1 ? first : undefined,
  };
  const needsIpam = kinds.has('Node') || kinds.has('IPPool');
  await withSession(
    options,
    io,
    async ({ backend, resources }) => {
      const dryRun = isDryRun ? new DryRun(backend, aside) : undefined;
      const impact = await openImpact(options, resources);
      const outcome = await runAll(items, run, async (resource, index) => {
        const { kind, metadata } = resource;
        const remove = async (): Promise<void> => {
          refuseReadOnly('Delete', resource);
          try {
            await resources.delete(kind, metadata.name, metadata.namespace);
          } catch (error) {
            if (options.skipNotExists !== true || !isDatastoreError(error, 'not-found')) throw error;
          }
        };
        await (dryRun === undefined ? remove() : dryRun.observe(resource, index, remove));
      });
      if (dryRun === undefined) reportOutcome(verb, outcome, io);
      else dryRun.report(verb, outcome);
      await impact?.report(
        items.map(({ resource }) => resource),
        io,
      );
    },
    { needsIpam, isDryRun },
  );
}

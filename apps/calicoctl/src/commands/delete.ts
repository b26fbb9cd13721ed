import { isDatastoreError } from '@calico-node/datastore';
import { CommandError, type Io } from '../io.ts';
import { withSession, type DatastoreOptions, type Session } from '../session.ts';
import type { Named } from './named.ts';
import { reportOutcome, type Outcome } from './outcome.ts';
import { refuseReadOnly } from './read-only.ts';
import { runAll } from './run-all.ts';
import { targetsOf, type TargetOptions } from './targets.ts';

export type DeleteOptions = DatastoreOptions & TargetOptions & { readonly skipNotExists?: boolean };

/** `calicoctl delete KIND NAME...` or `-f`. */
export async function deleteResources(options: DeleteOptions, io: Io): Promise<void> {
  const targets = await targetsOf(options, io);
  const named: Named[] = targets.map((target) => {
    if (target.type === 'one') return target.named;
    throw new CommandError(`resource name must be specified to delete a ${target.kind}`);
  });
  const needsIpam = named.some(({ kind }) => kind === 'Node' || kind === 'IPPool');
  const remove = ({ resources }: Session): Promise<Outcome> =>
    runAll(named, async (resource) => {
      refuseReadOnly('Delete', resource);
      try {
        await resources.delete(resource.kind, resource.metadata.name, resource.metadata.namespace);
      } catch (error) {
        if (options.skipNotExists !== true || !isDatastoreError(error, 'not-found')) throw error;
      }
    });
  const outcome = await withSession(options, io, remove, { needsIpam });
  reportOutcome({ base: 'delete', past: 'deleted' }, outcome, io);
}

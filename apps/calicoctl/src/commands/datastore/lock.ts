import { describeError } from '../../describe-error.ts';
import { CommandError, type Io } from '../../io.ts';
import { withSession, type DatastoreOptions } from '../../session.ts';

/** `calicoctl datastore migrate lock|unlock`: while locked, nodes take no changes from the datastore. */
export async function setLock(verb: 'lock' | 'unlock', options: DatastoreOptions, io: Io): Promise<void> {
  await withSession(options, io, async ({ resources }) => {
    try {
      const cluster = await resources.get('ClusterInformation', 'default');
      await resources.update({ ...cluster, spec: { ...cluster.spec, datastoreReady: verb === 'unlock' } });
    } catch (error) {
      throw new CommandError(`error ${verb}ing the datastore: ${describeError(error)}`, { cause: error });
    }
  });
  io.out(`Datastore ${verb}ed.\n`);
}

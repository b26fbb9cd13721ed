import { CALICO_VERSION, isDatastoreError } from '@calico-node/datastore';
import { VERSION } from '@calico-node/service';
import { describeError } from '../describe-error.ts';
import { CommandError, type Io } from '../io.ts';
import { withSession, type DatastoreOptions } from '../session.ts';

/** `calicoctl version`: the Calico release that we are compatible with, our own, and the cluster's. */
export async function version(options: DatastoreOptions & { readonly client?: boolean }, io: Io): Promise<void> {
  io.out(`Client Version:    ${CALICO_VERSION}\nRelease:           calico-node ${VERSION}\n`);
  if (options.client === true) return;
  const cluster = await withSession(
    options,
    io,
    async ({ resources }) => {
      try {
        return (await resources.get('ClusterInformation', 'default')).spec;
      } catch (error) {
        if (isDatastoreError(error, 'not-found')) return {};
        throw new CommandError(`unable to retrieve Cluster Version or Type: ${describeError(error)}`, { cause: error });
      }
    },
    { checksVersion: false },
  );
  io.out(`Cluster Version:   ${known(cluster.calicoVersion)}\nCluster Type:      ${known(cluster.clusterType)}\n`);
}

function known(text: string | undefined): string {
  return text === undefined || text === '' ? 'unknown' : text;
}

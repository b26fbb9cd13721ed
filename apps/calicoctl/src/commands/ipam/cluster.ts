import { isDatastoreError, type Resources } from '@calico-node/datastore';
import { CommandError } from '../../io.ts';
import { describeError } from '../../describe-error.ts';
import type { ReportHeader } from './report.ts';

/** What identifies the cluster, and whether it is locked. @throws CommandError when it has never been initialised. */
export async function readCluster(resources: Resources): Promise<Omit<ReportHeader, 'version'>> {
  try {
    const { metadata, spec } = await resources.get('ClusterInformation', 'default');
    return {
      clusterGuid: spec.clusterGUID ?? '',
      clusterType: spec.clusterType ?? '',
      clusterInformationRevision: metadata.resourceVersion ?? '',
      isLocked: spec.datastoreReady === false,
    };
  } catch (error) {
    if (!isDatastoreError(error, 'not-found')) throw error;
    throw new CommandError(describeError(error), { cause: error });
  }
}

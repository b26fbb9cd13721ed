import { CniError, cniCodes } from '../spec/cni-error.ts';

/** What ADD and DEL say while the cluster is not to be worked with (Calico's words). */
export function notReady(): CniError {
  return new CniError(cniCodes.tryAgainLater, 'Calico is currently not ready to process requests', {
    details: 'ClusterInformation default is missing, or its datastoreReady is not true',
  });
}

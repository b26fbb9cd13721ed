import { isDatastoreError } from '@calico-node/datastore';
import { isIpamError } from '@calico-node/ipam';
import { isKubernetesError } from '@calico-node/kubernetes';
import { ValidationError } from '@calico-node/model';
import { isRpcError } from '@calico-node/rpc';
import { FelixTimeout, WireError, type WireErrorCode } from '@calico-node/workload';
import { cniCodes, toCniError, type CniCode, type CniError } from '../spec/cni-error.ts';

function codeOf(error: unknown): CniCode {
  if (error instanceof WireError) {
    const codes: Partial<Record<WireErrorCode, CniCode>> = {
      'netns-missing': cniCodes.unknownContainer,
      'own-netns': cniCodes.invalidEnvironment,
      'interface-exists': cniCodes.invalidEnvironment,
    };
    return codes[error.code] ?? cniCodes.failed;
  }
  if (error instanceof FelixTimeout) return cniCodes.tryAgainLater;
  if (isDatastoreError(error, 'unavailable', 'conflict')) return cniCodes.tryAgainLater;
  if (isDatastoreError(error, 'config')) return cniCodes.invalidConfig;
  // What we write is made of the configuration: labels, names.
  if (error instanceof ValidationError) return cniCodes.invalidConfig;
  if (isKubernetesError(error, 'unavailable')) return cniCodes.tryAgainLater;
  if (isKubernetesError(error, 'config')) return cniCodes.invalidConfig;
  if (isIpamError(error, 'contention')) return cniCodes.tryAgainLater;
  const isTransient = isRpcError(
    error,
    'UNAVAILABLE',
    'RESOURCE_EXHAUSTED',
    'DEADLINE_EXCEEDED',
    'ABORTED',
    'CANCELLED',
  );
  if (isTransient) return cniCodes.tryAgainLater;
  return cniCodes.failed;
}

/** Whatever a command threw, as the error object that the runtime gets. */
export function describeError(error: unknown): CniError {
  return toCniError(error, codeOf(error));
}

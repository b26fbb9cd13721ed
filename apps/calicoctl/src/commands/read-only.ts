import type { Kind } from '@calico-node/model';
import { CommandError } from '../io.ts';
import { nameOf, type Named } from './named.ts';

type Operation = 'Create' | 'Apply' | 'Update' | 'Delete';

/**
 * Resources that calicoctl must not change: the cluster's own record, and what stands for Kubernetes policies.
 * @throws CommandError
 */
export function refuseReadOnly(operation: Operation, resource: Named): void {
  const kind: Kind = resource.kind;
  const refuse = (reason: string): never => {
    throw new CommandError(`operation ${operation} is not supported on ${nameOf(resource)}${reason}`);
  };
  if (kind === 'ClusterInformation') refuse('');
  const isPolicy = kind === 'NetworkPolicy' || kind === 'StagedNetworkPolicy';
  if (isPolicy && resource.metadata.name.startsWith('knp.default.')) {
    refuse(': kubernetes network policies must be managed through the kubernetes API');
  }
}

import { DEFAULT_TIER, type Resource } from '@calico-node/model';
import type { CallOptions } from '../backend.ts';
import { DatastoreError, isDatastoreError } from '../errors.ts';
import { identityOf } from './metadata.ts';
import type { Resources } from './resources.ts';

/** The kinds of policy that are in a tier. */
export const TIERED_KINDS = [
  'GlobalNetworkPolicy',
  'NetworkPolicy',
  'StagedGlobalNetworkPolicy',
  'StagedNetworkPolicy',
] as const;

type TieredPolicy = Resource<(typeof TIERED_KINDS)[number]>;

export function isTiered(resource: Resource): resource is TieredPolicy {
  return TIERED_KINDS.some((kind) => kind === resource.kind);
}

/**
 * A new policy's tier must exist. The tier `default` always does: no store is without it for longer than
 * its initialization takes, and stores of releases until 3.28 never hold it.
 * @throws DatastoreError `validation`
 */
export async function checkTierExists(resources: Resources, policy: TieredPolicy, options: CallOptions): Promise<void> {
  const { tier = DEFAULT_TIER } = policy.spec;
  if (tier === DEFAULT_TIER || tier === '') return;
  try {
    await resources.get('Tier', tier, undefined, options);
  } catch (error) {
    if (!isDatastoreError(error, 'not-found')) throw error;
    const identity = identityOf(policy.kind, policy.metadata.name, policy.metadata.namespace);
    throw new DatastoreError('validation', `${identity}: ${identityOf('Tier', tier)} does not exist`, {
      identity,
      hint: 'create the tier first',
      cause: error,
    });
  }
}

/**
 * Policies of Kubernetes appear under such names in other datastores; here nobody would ever enforce them.
 * @throws DatastoreError `unsupported`
 */
export function checkNotKubernetes(kind: Resource['kind'], name: string, identity: string): void {
  if (kind !== 'NetworkPolicy' || !name.startsWith('knp.default.')) return;
  throw new DatastoreError(
    'unsupported',
    `${identity}: kubernetes network policies must be managed through the kubernetes API`,
    { identity },
  );
}

import { RESERVED_TIERS, type Resource } from '@calico-node/model';
import type { CallOptions } from '../backend.ts';
import { isDatastoreError } from '../errors.ts';
import { isGiven } from './metadata.ts';
import type { Resources } from './resources.ts';

/** The release of Calico whose store this project reads and writes. */
export const CALICO_VERSION = 'v3.32.1';

export interface Initialization {
  /** What the cluster is made of (`k8s`, `bgp`, ...); added to the comma-separated list that is stored. */
  readonly clusterType?: string | undefined;
  /** The release that the nodes run. */
  readonly calicoVersion?: string | undefined;
}

/** Creates ClusterInformation and the tiers, or brings the first up to date. */
export async function ensureInitialized(
  resources: Resources,
  initialization: Initialization,
  options: CallOptions,
): Promise<void> {
  await ensureClusterInformation(resources, initialization, options);
  for (const [name, { order, defaultAction }] of Object.entries(RESERVED_TIERS)) {
    const tier: Resource<'Tier'> = {
      kind: 'Tier',
      apiVersion: 'projectcalico.org/v3',
      metadata: { name },
      spec: { order, defaultAction },
    };
    await resources.create(tier, options).catch(ignoreExisting);
  }
}

async function ensureClusterInformation(
  resources: Resources,
  { clusterType, calicoVersion }: Initialization,
  options: CallOptions,
): Promise<void> {
  for (;;) {
    try {
      const current = await resources.get('ClusterInformation', 'default', undefined, options);
      const spec = {
        ...current.spec,
        clusterGUID: isGiven(current.spec.clusterGUID) ? current.spec.clusterGUID : newGuid(),
        ...(calicoVersion === undefined ? {} : { calicoVersion }),
        ...(clusterType === undefined ? {} : { clusterType: mergeTypes(current.spec.clusterType, clusterType) }),
        datastoreReady: current.spec.datastoreReady ?? true,
      };
      if (JSON.stringify(spec) !== JSON.stringify(current.spec)) await resources.update({ ...current, spec }, options);
      return;
    } catch (error) {
      if (isDatastoreError(error, 'conflict')) continue;
      if (!isDatastoreError(error, 'not-found')) throw error;
    }
    const created: Resource<'ClusterInformation'> = {
      kind: 'ClusterInformation',
      apiVersion: 'projectcalico.org/v3',
      metadata: { name: 'default' },
      spec: {
        clusterGUID: newGuid(),
        ...(clusterType === undefined ? {} : { clusterType }),
        calicoVersion: calicoVersion ?? CALICO_VERSION,
        datastoreReady: true,
      },
    };
    try {
      await resources.create(created, options);
      return;
    } catch (error) {
      ignoreExisting(error);
    }
  }
}

/** The stored list with the parts of another that it lacks. */
function mergeTypes(stored: string | undefined, added: string): string {
  const parts = (stored ?? '').split(',').filter((part) => part !== '');
  for (const part of added.split(',')) if (part !== '' && !parts.includes(part)) parts.push(part);
  return parts.join(',');
}

function newGuid(): string {
  return globalThis.crypto.randomUUID().replaceAll('-', '');
}

function ignoreExisting(error: unknown): void {
  if (!isDatastoreError(error, 'already-exists')) throw error;
}

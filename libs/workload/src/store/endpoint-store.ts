import {
  DatastoreError,
  isDatastoreError,
  type Backend,
  type CallOptions,
  type Resources,
} from '@calico-node/datastore';
import {
  blockPrefix,
  decodeBlock,
  encodeResource,
  parseBlockKey,
  workloadEndpointNamePrefix,
  type Profile,
  type WorkloadEndpoint,
} from '@calico-node/model';
import type { NodeName } from '@calico-node/net';

const deleteAttempts = 5;

/** An address that IPAM holds for a workload of a node. */
export interface HeldAddress {
  readonly handleId: string;
}

/** What attaching and detaching read and write in the store, besides addresses. */
export class EndpointStore {
  readonly #backend: Backend;
  readonly #resources: Resources;

  constructor(backend: Backend, resources: Resources) {
    this.#backend = backend;
    this.#resources = resources;
  }

  /** Whether ClusterInformation says that the cluster may be worked with. */
  async isReady(options: CallOptions): Promise<boolean> {
    try {
      const { spec } = await this.#resources.get('ClusterInformation', 'default', undefined, options);
      return spec.datastoreReady === true;
    } catch (error) {
      if (isDatastoreError(error, 'not-found')) return false;
      throw error;
    }
  }

  async find(namespace: string, name: string, options: CallOptions): Promise<WorkloadEndpoint | undefined> {
    try {
      return await this.#resources.get('WorkloadEndpoint', name, namespace, options);
    } catch (error) {
      if (isDatastoreError(error, 'not-found')) return undefined;
      throw error;
    }
  }

  /** All endpoints of a node. */
  async ofNode(node: NodeName, options: CallOptions): Promise<readonly WorkloadEndpoint[]> {
    const namePrefix = workloadEndpointNamePrefix({ node });
    const { items } = await this.#resources.list('WorkloadEndpoint', undefined, { ...options, namePrefix });
    return items.filter((endpoint) => endpoint.spec.node === node);
  }

  /**
   * Writes an endpoint; nothing is written when it is stored so already. Gives the revision that carries it.
   *
   * @throws DatastoreError `conflict` when somebody else wrote it meanwhile.
   */
  async save(wanted: WorkloadEndpoint, stored: WorkloadEndpoint | undefined, options: CallOptions): Promise<bigint> {
    if (stored === undefined) return revisionOf(await this.#resources.create(wanted, options));
    const isSame = encodeResource(wanted) === encodeResource(stored);
    return revisionOf(isSame ? stored : await this.#resources.update(wanted, options));
  }

  /**
   * Deletes the endpoint for which `isOurs` holds; one that is gone is well. When somebody writes it
   * meanwhile it is looked at again.
   *
   * @returns what was stored, also when it is not ours.
   */
  async remove(
    namespace: string,
    name: string,
    isOurs: (endpoint: WorkloadEndpoint) => boolean,
    options: CallOptions,
  ): Promise<WorkloadEndpoint | undefined> {
    for (let attempt = 1; ; attempt++) {
      const stored = await this.find(namespace, name, options);
      if (stored === undefined || !isOurs(stored)) return stored;
      const { resourceVersion, uid } = stored.metadata;
      try {
        await this.#resources.delete('WorkloadEndpoint', name, namespace, { ...options, resourceVersion, uid });
        return stored;
      } catch (error) {
        if (isDatastoreError(error, 'not-found')) return stored;
        if (!isDatastoreError(error, 'conflict') || attempt === deleteAttempts) throw error;
      }
    }
  }

  /** Creates a profile unless there is one of its name. */
  async ensureProfile(profile: Profile, options: CallOptions): Promise<void> {
    try {
      await this.#resources.get('Profile', profile.metadata.name, undefined, options);
    } catch (error) {
      if (!isDatastoreError(error, 'not-found')) throw error;
      await this.#resources.create(profile, options).catch((failure: unknown) => {
        if (!isDatastoreError(failure, 'already-exists')) throw failure;
      });
    }
  }

  /** The IPAM handles that hold addresses for a node's workloads and begin with a prefix. Reads every block. */
  async handlesOf(node: NodeName, prefix: string, options: CallOptions): Promise<ReadonlySet<string>> {
    const lists = await Promise.all(
      ([4, 6] as const).map((family) => this.#backend.list(blockPrefix(family), options)),
    );
    const handles = new Set<string>();
    for (const { key, value } of lists.flatMap((list) => list.items)) {
      if (parseBlockKey(key) === undefined) continue;
      for (const { handle_id: handle, secondary } of decodeBlock(value).attributes ?? []) {
        if (typeof handle === 'string' && handle.startsWith(prefix) && secondary?.['node'] === node)
          handles.add(handle);
      }
    }
    return handles;
  }
}

function revisionOf(endpoint: WorkloadEndpoint): bigint {
  const { resourceVersion, name } = endpoint.metadata;
  if (resourceVersion === undefined)
    throw new DatastoreError('validation', `WorkloadEndpoint(${name}) has no revision`);
  return BigInt(resourceVersion);
}

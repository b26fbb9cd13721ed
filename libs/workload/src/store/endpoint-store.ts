import {
  DatastoreError,
  isDatastoreError,
  type Backend,
  type CallOptions,
  type EndpointDraft,
  type Resources,
} from '@calico-node/datastore';
import { allocationsOf, isMachineHandle } from '@calico-node/ipam';
import {
  blockPrefix,
  decodeBlock,
  encodeResource,
  parseBlockKey,
  workloadEndpointNamePrefix,
  type ClusterInformation,
  type Profile,
  type WorkloadEndpoint,
} from '@calico-node/model';
import { hostCidr, type IpAddress, type NodeName } from '@calico-node/net';

const deleteAttempts = 5;
/** How many profiles, and how many endpoints, are remembered. */
const memoryLimit = 1024;

/** An address that IPAM holds for a workload of a node. */
export interface HeldAddress {
  readonly handleId: string;
}

/** What has to be so for an endpoint to be created, as it was read. */
export interface Premises {
  readonly cluster: ClusterInformation;
  /** The network's profile, unless somebody else sees to profiles. */
  readonly profile: Profile | undefined;
}

export interface Removal {
  /** Whether the cluster may be worked with; if not, nothing was done. */
  readonly isReady: boolean;
  /** What was stored, also when it is not ours. */
  readonly stored: WorkloadEndpoint | undefined;
}

/** What attaching and detaching read and write in the store, besides addresses. */
/** What IPAM has given in a network. */
export interface HeldByNetwork {
  /** Of one node's workloads, those of virtual machines apart. */
  readonly handles: ReadonlySet<string>;
  /** What virtual machines have, wherever they are. */
  readonly machineAddresses: ReadonlySet<IpAddress>;
}

export class EndpointStore {
  readonly #backend: Backend;
  readonly #resources: Resources;
  readonly #memory = new Map<string, Premises>();
  readonly #created = new Map<string, WorkloadEndpoint>();
  /** As it was read last, and ready then. */
  #cluster: ClusterInformation | undefined;

  constructor(backend: Backend, resources: Resources) {
    this.#backend = backend;
    this.#resources = resources;
  }

  /** Whether ClusterInformation says that the cluster may be worked with. */
  async isReady(options: CallOptions): Promise<boolean> {
    return (await this.#readyCluster(options)) !== undefined;
  }

  /**
   * What {@link createNew} needs: that the cluster may be worked with, and the network's profile, which is created when
   * there is none. Remembered: whether it is so still, the creation itself proves. Undefined: not ready.
   */
  async premises(network: Profile | undefined, options: CallOptions): Promise<Premises | undefined> {
    const key = network?.metadata.name ?? '';
    const known = this.#memory.get(key);
    if (known !== undefined) return known;
    const [cluster, found] = await Promise.all([
      this.#readyCluster(options),
      network === undefined ? undefined : this.#findProfile(key, options),
    ]);
    if (cluster === undefined) return undefined;
    const profile = network === undefined ? undefined : (found ?? (await this.#createProfile(network, options)));
    const premises = { cluster, profile };
    remember(this.#memory, key, premises);
    return premises;
  }

  /** What creating an endpoint takes, while the premises hold: for {@link createNew}, or to be created with addresses. */
  draft(endpoint: WorkloadEndpoint, { cluster, profile }: Premises): EndpointDraft {
    return this.#resources.draftEndpoint(endpoint, profile === undefined ? [cluster] : [cluster, profile]);
  }

  /**
   * Creates an endpoint in one round trip; gives its revision. Gives nothing when the premises no longer hold or it
   * exists already: then everything has to be looked at anew.
   */
  async createNew(endpoint: WorkloadEndpoint, premises: Premises, options: CallOptions): Promise<bigint | undefined> {
    const created = await this.#resources.createDrafted(this.draft(endpoint, premises), options);
    if (created === undefined) {
      this.#memory.delete(premises.profile?.metadata.name ?? '');
      return undefined;
    }
    remember(this.#created, memoryKey(created.metadata.namespace, created.metadata.name), created);
    return revisionOf(created);
  }

  /** Somebody created a drafted endpoint, with these addresses, for the caller: its removal need not look for it. */
  noteCreated({ endpoint }: EndpointDraft, ips: readonly IpAddress[], revision: bigint): void {
    const { metadata, spec } = endpoint;
    remember(this.#created, memoryKey(metadata.namespace, metadata.name), {
      ...endpoint,
      metadata: { ...metadata, resourceVersion: String(revision) },
      spec: { ...spec, ipNetworks: ips.map((ip) => hostCidr(ip)) },
    });
  }

  /** An endpoint that was created here, as it was then. It may be another's, or gone, by now. */
  created(namespace: string, name: string): WorkloadEndpoint | undefined {
    return this.#created.get(memoryKey(namespace, name));
  }

  find(namespace: string, name: string, options: CallOptions): Promise<WorkloadEndpoint | undefined> {
    return orNothing(this.#resources.get('WorkloadEndpoint', name, namespace, options));
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
   * meanwhile it is looked at again. One that was created here is deleted without looking, at its revision.
   *
   * @returns what was stored, also when it is not ours.
   */
  async remove(
    namespace: string,
    name: string,
    isOurs: (endpoint: WorkloadEndpoint) => boolean,
    options: CallOptions,
  ): Promise<WorkloadEndpoint | undefined> {
    const known = this.#created.get(memoryKey(namespace, name));
    this.#created.delete(memoryKey(namespace, name));
    return this.#remove(namespace, name, isOurs, options, known);
  }

  /**
   * As {@link remove}, while the cluster may be worked with; otherwise it does nothing. What was created here takes no
   * more round trips for that.
   */
  async removeIfReady(
    namespace: string,
    name: string,
    isOurs: (endpoint: WorkloadEndpoint) => boolean,
    options: CallOptions,
  ): Promise<Removal> {
    const key = memoryKey(namespace, name);
    const known = this.#created.get(key);
    this.#created.delete(key);
    if (known !== undefined && this.#cluster !== undefined && isOurs(known)) {
      const isDeleted = await this.#resources.deleteProven(known, [this.#cluster], options);
      if (isDeleted) return { isReady: true, stored: known };
    }
    const [isReady, found] = await Promise.all([this.isReady(options), this.find(namespace, name, options)]);
    if (!isReady) return { isReady, stored: found };
    const stored = found && (await this.#remove(namespace, name, isOurs, options, found));
    return { isReady, stored };
  }

  async #remove(
    namespace: string,
    name: string,
    isOurs: (endpoint: WorkloadEndpoint) => boolean,
    options: CallOptions,
    first: WorkloadEndpoint | undefined,
  ): Promise<WorkloadEndpoint | undefined> {
    let known = first;
    for (let attempt = 1; ; attempt++) {
      const stored = known ?? (await this.find(namespace, name, options));
      known = undefined;
      if (stored === undefined || !isOurs(stored)) return stored;
      try {
        // The revision is this very object's: no other ever has it.
        const { resourceVersion } = stored.metadata;
        await this.#resources.delete('WorkloadEndpoint', name, namespace, { ...options, resourceVersion });
        return stored;
      } catch (error) {
        if (isDatastoreError(error, 'not-found')) return stored;
        if (!isDatastoreError(error, 'conflict') || attempt === deleteAttempts) throw error;
      }
    }
  }

  /** Creates a profile unless there is one of its name. */
  async ensureProfile(profile: Profile, options: CallOptions): Promise<void> {
    const found = await this.#findProfile(profile.metadata.name, options);
    if (found === undefined) await this.#createProfile(profile, options);
  }

  /** What IPAM has given to a node's workloads in a network. Reads every block. */
  async heldOf(node: NodeName, network: string, options: CallOptions): Promise<HeldByNetwork> {
    const lists = await Promise.all(
      ([4, 6] as const).map((family) => this.#backend.list(blockPrefix(family), options)),
    );
    const handles = new Set<string>();
    const machineAddresses = new Set<IpAddress>();
    for (const { key, value } of lists.flatMap((list) => list.items)) {
      if (parseBlockKey(key) === undefined) continue;
      for (const { ip, attribute } of allocationsOf(decodeBlock(value))) {
        const handle = attribute?.handle_id;
        if (typeof handle !== 'string' || !handle.startsWith(`${network}.`)) continue;
        if (isMachineHandle(handle)) machineAddresses.add(ip);
        else if (attribute?.secondary?.['node'] === node) handles.add(handle);
      }
    }
    return { handles, machineAddresses };
  }

  async #readyCluster(options: CallOptions): Promise<ClusterInformation | undefined> {
    const found = await orNothing(this.#resources.get('ClusterInformation', 'default', undefined, options));
    this.#cluster = found?.spec.datastoreReady === true ? found : undefined;
    return this.#cluster;
  }

  #findProfile(name: string, options: CallOptions): Promise<Profile | undefined> {
    return orNothing(this.#resources.get('Profile', name, undefined, options));
  }

  async #createProfile(profile: Profile, options: CallOptions): Promise<Profile> {
    try {
      return await this.#resources.create(profile, options);
    } catch (error) {
      if (!isDatastoreError(error, 'already-exists')) throw error;
      return this.#resources.get('Profile', profile.metadata.name, undefined, options);
    }
  }
}

/** Reads what may not be there. */
async function orNothing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isDatastoreError(error, 'not-found')) return undefined;
    throw error;
  }
}

function memoryKey(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}

/** Keeps the newest. */
function remember<T>(memory: Map<string, T>, key: string, value: T): void {
  memory.delete(key);
  memory.set(key, value);
  for (const oldest of memory.keys()) {
    if (memory.size <= memoryLimit) return;
    memory.delete(oldest);
  }
}

function revisionOf(endpoint: WorkloadEndpoint): bigint {
  const { resourceVersion, name } = endpoint.metadata;
  if (resourceVersion === undefined)
    throw new DatastoreError('validation', `WorkloadEndpoint(${name}) has no revision`);
  return BigInt(resourceVersion);
}

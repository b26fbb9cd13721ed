import {
  DEFAULT_ALLOW_PROFILE,
  decodeResource,
  encodeResource,
  parseResource,
  parseResourceKey,
  resourceKey,
  resourcePrefix,
  type Kind,
  type Resource,
} from '@calico-node/model';
import type { Backend, CallOptions, KeyValue, ReadOptions } from '../backend.ts';
import { DatastoreError, isDatastoreError } from '../errors.ts';
import { isDefaultAllow } from './default-allow.ts';
import { ensureInitialized, type Initialization } from './initialize.ts';
import { checkPoolIsNew, checkPoolUpdate, retirePool } from './ip-pool-rules.ts';
import {
  checkForCreate,
  identityOf,
  isGiven,
  parseRevision,
  revisionForUpdate,
  atRevision,
  withIdentity,
  withMetadata,
} from './metadata.ts';
import { deleteWithNode } from './node-rules.ts';
import { checkNotKubernetes, checkTierExists, isTiered } from './policy-rules.ts';
import { checkTierIsUnused } from './tier-rules.ts';
import { watchResources, type ResourceWatch } from './watch-resources.ts';
import type { IpamCleanup } from './ipam-cleanup.ts';

/** How often `apply` begins again when others write the same resource. */
const applyAttempts = 10;

export interface ResourcesOptions {
  /** Needed to delete Nodes and IPPools, whose addresses go with them: `new Ipam(backend)`. */
  readonly ipam?: IpamCleanup;
  /** Milliseconds since 1970, for creation times. */
  readonly now?: () => number;
}

export interface DeleteOptions extends CallOptions {
  /** Delete only at this revision. */
  readonly resourceVersion?: string | undefined;
  /** Delete only this very object, not one of the same name created since. */
  readonly uid?: string | undefined;
}

export interface ListOptions extends ReadOptions {
  /** Only resources whose name begins so. */
  readonly namePrefix?: string | undefined;
}

export interface ResourceList<K extends Kind> {
  /** In key order: by namespace, then name. */
  readonly items: readonly Resource<K>[];
  readonly revision: bigint;
}

/** A key that was last written at a revision. */
export interface Premise {
  readonly key: string;
  readonly revision: bigint;
}

/** A workload endpoint that is to be created, while what it was drawn up from is so still. */
export interface EndpointDraft {
  readonly endpoint: Resource<'WorkloadEndpoint'>;
  readonly premises: readonly Premise[];
}

/**
 * Calico's typed resources, with the semantics of its own client: identity and
 * time given on create, compare-and-swap on `metadata.resourceVersion`, validation of everything
 * written. Throws `DatastoreError`; a resource that breaks its kind's rules, model's `ValidationError`.
 */
export class Resources {
  readonly #backend: Backend;
  readonly #ipam: IpamCleanup | undefined;
  readonly #now: () => number;

  constructor(backend: Backend, options: ResourcesOptions = {}) {
    this.#backend = backend;
    this.#ipam = options.ipam;
    this.#now = options.now ?? Date.now;
  }

  /** @throws DatastoreError `already-exists` */
  async create<R extends Resource>(resource: R, options: CallOptions = {}): Promise<Resource<R['kind']>> {
    const { complete, identity } = this.#complete(resource);
    if (complete.kind === 'IPPool') await checkPoolIsNew(this.#backend, this, complete, options);
    if (isTiered(complete)) await checkTierExists(this, complete, options);
    try {
      const written = await this.#backend.create(keyOf(complete), encodeResource(complete), options);
      return atRevision(complete, written.revision);
    } catch (error) {
      if (isDatastoreError(error, 'already-exists')) throw exists(identity, error);
      throw error;
    }
  }

  /**
   * What creating a workload endpoint writes, given its identity and time, and that the others are as they were read:
   * for {@link createDrafted}, or for who creates it in one step with something else.
   */
  draftEndpoint(endpoint: Resource<'WorkloadEndpoint'>, others: readonly Resource[]): EndpointDraft {
    const { complete } = this.#complete(endpoint);
    const premises = others.map((other) => ({
      key: keyOf(other),
      revision: parseRevision(other.metadata.resourceVersion, keyOf(other)),
    }));
    return { endpoint: complete, premises };
  }

  /**
   * Creates a workload endpoint in the same step that proves its premises. Gives nothing, and writes nothing, when one
   * does not hold or the endpoint exists, or the store has no such step: `create` tells.
   */
  async createDrafted(
    { endpoint, premises }: EndpointDraft,
    options: CallOptions = {},
  ): Promise<Resource<'WorkloadEndpoint'> | undefined> {
    const key = keyOf(endpoint);
    const guards = [{ key, revision: 0n }, ...premises].map((premise) => ({ type: 'key' as const, ...premise }));
    const changes = [{ type: 'put' as const, key, value: encodeResource(endpoint) }];
    const result = await this.#backend.commit?.({ guards, changes }, options);
    return result?.isCommitted === true ? atRevision(endpoint, result.revision) : undefined;
  }

  /**
   * Deletes a workload endpoint in the same step that proves that it and others are as they were read. False, and nothing
   * is deleted, when they are not, or the store has no such step: `delete` tells.
   */
  async deleteProven(
    endpoint: Resource<'WorkloadEndpoint'>,
    others: readonly Resource[],
    options: CallOptions = {},
  ): Promise<boolean> {
    const guards = [endpoint, ...others].map((read) => {
      const key = keyOf(read);
      return { type: 'key' as const, key, revision: parseRevision(read.metadata.resourceVersion, key) };
    });
    const changes = [{ type: 'delete' as const, key: keyOf(endpoint) }];
    return (await this.#backend.commit?.({ guards, changes }, options))?.isCommitted === true;
  }

  /**
   * Writes a resource that was read before.
   * @throws DatastoreError `conflict` when it was written since; `not-found`
   */
  async update<R extends Resource>(resource: R, options: CallOptions = {}): Promise<Resource<R['kind']>> {
    const revision = revisionForUpdate(resource);
    const { kind, metadata } = resource;
    const identity = identityOf(kind, metadata.name, metadata.namespace);
    if (isDefaultAllow(kind, metadata.name)) throw unsupported(identity);
    checkNotKubernetes(kind, metadata.name, identity);
    const complete = validated(resource);
    if (complete.kind === 'IPPool') await checkPoolUpdate(this, complete, options);
    try {
      const written = await this.#backend.update(keyOf(complete), encodeResource(complete), revision, options);
      return atRevision(complete, written.revision);
    } catch (error) {
      throw renamed(error, identity);
    }
  }

  /**
   * Creates a resource or makes the stored one like it. What the store gave the stored one (identity,
   * time) stays. With a `resourceVersion`, that must be the stored one's.
   */
  async apply<R extends Resource>(resource: R, options: CallOptions = {}): Promise<Resource<R['kind']>> {
    const { resourceVersion, ...fresh } = resource.metadata;
    for (let attempt = 1; ; attempt++) {
      try {
        const current = await this.#find<Kind>(resource.kind, fresh.name, fresh.namespace, options);
        if (current === undefined) return await this.create(withMetadata(resource, fresh), options);
        const { uid, creationTimestamp } = current.metadata;
        const merged = {
          ...fresh,
          uid: uid ?? fresh.uid,
          creationTimestamp: creationTimestamp ?? fresh.creationTimestamp,
          resourceVersion: isGiven(resourceVersion) ? resourceVersion : current.metadata.resourceVersion,
        };
        return await this.update(withMetadata(resource, merged), options);
      } catch (error) {
        const isRace = isDatastoreError(error, 'already-exists', 'not-found', 'conflict');
        if (!isRace || isGiven(resourceVersion) || attempt === applyAttempts) throw error;
      }
    }
  }

  /** @throws DatastoreError `not-found` */
  async get<K extends Kind>(
    kind: K,
    name: string,
    namespace?: string,
    options: ReadOptions = {},
  ): Promise<Resource<K>> {
    const found = await this.#find(kind, name, namespace, options);
    if (found !== undefined) return found;
    throw notFound(identityOf(kind, name, namespace));
  }

  /** All resources of a kind, or of one namespace. Those that cannot be read are left out, as Calico does. */
  async list<K extends Kind>(kind: K, namespace?: string, options: ListOptions = {}): Promise<ResourceList<K>> {
    const prefix = resourcePrefix(kind, namespace);
    const { items, revision } = await this.#backend.list(prefix, options);
    const resources = items.flatMap((item) => decodeOrSkip(kind, item));
    if (kind === 'Profile') resources.push(DEFAULT_ALLOW_PROFILE as Resource<K>); // K is Profile here
    const { namePrefix = '' } = options;
    return { items: resources.filter(({ metadata }) => metadata.name.startsWith(namePrefix)), revision };
  }

  /**
   * Deletes a resource and gives what it was. With a Node goes everything that is the node's; an IP
   * pool is emptied of affinities first.
   * @throws DatastoreError `not-found`; `conflict` when a precondition of the options does not hold.
   */
  async delete<K extends Kind>(
    kind: K,
    name: string,
    namespace?: string,
    options: DeleteOptions = {},
  ): Promise<Resource<K>> {
    const identity = identityOf(kind, name, namespace);
    if (isDefaultAllow(kind, name)) throw unsupported(identity);
    checkNotKubernetes(kind, name, identity);
    const given = isGiven(options.resourceVersion) ? parseRevision(options.resourceVersion, identity) : undefined;
    let revision = given;
    if (kind === 'Node' || kind === 'IPPool' || kind === 'Tier' || isGiven(options.uid)) {
      const current = await this.get(kind, name, namespace, options);
      revision ??= isGiven(options.uid) ? parseRevision(current.metadata.resourceVersion, identity) : undefined;
      const isOther = isGiven(options.uid) && options.uid !== current.metadata.uid;
      if (isOther || (given !== undefined && String(given) !== current.metadata.resourceVersion)) {
        throw new DatastoreError('conflict', `${identity} was changed by somebody else`, { identity });
      }
      if (kind === 'Tier') await checkTierIsUnused(this, name, options);
      if (kind === 'Node') await deleteWithNode(this, this.#ipamFor(identity), name, options);
      // Disabling the pool writes it, so that the caller's revision is spent.
      if (kind === 'IPPool') revision = await retirePool(this, this.#ipamFor(identity), name, options);
    }
    try {
      return decode(kind, await this.#backend.delete(resourceKey(kind, name, namespace), revision, options));
    } catch (error) {
      throw renamed(error, identity);
    }
  }

  /** Follows resources of a kind: first what there is, then every change. See {@link ResourceWatch}. */
  watch<K extends Kind>(kind: K, watch: ResourceWatch<K>): Promise<void> {
    return watchResources(this.#backend, kind, watch);
  }

  /** Makes what every cluster has: its identity and the three tiers. Safe to repeat. */
  ensureInitialized(initialization: Initialization = {}, options: CallOptions = {}): Promise<void> {
    return ensureInitialized(this, initialization, options);
  }

  async #find<K extends Kind>(
    kind: K,
    name: string,
    namespace: string | undefined,
    options: ReadOptions,
  ): Promise<Resource<K> | undefined> {
    if (isDefaultAllow(kind, name)) return DEFAULT_ALLOW_PROFILE as Resource<K>; // K is Profile here
    const found = await this.#backend.get(resourceKey(kind, name, namespace), options);
    return found === undefined ? undefined : decode(kind, found);
  }

  /** What is to be stored of a resource that is created. */
  #complete<R extends Resource>(resource: R): { readonly complete: Resource<R['kind']>; readonly identity: string } {
    checkForCreate(resource);
    const { kind, metadata } = resource;
    const identity = identityOf(kind, metadata.name, metadata.namespace);
    if (isDefaultAllow(kind, metadata.name)) throw exists(identity);
    checkNotKubernetes(kind, metadata.name, identity);
    return { complete: withIdentity(validated<R>(resource), this.#now()), identity };
  }

  #ipamFor(identity: string): IpamCleanup {
    if (this.#ipam !== undefined) return this.#ipam;
    throw new DatastoreError(
      'unsupported',
      `${identity} cannot be deleted by a client without IPAM: its addresses would leak`,
      { identity },
    );
  }
}

function keyOf(resource: Resource): string {
  return resourceKey(resource.kind, resource.metadata.name, resource.metadata.namespace);
}

/** The resource with its kind's defaults, refused if it breaks its kind's rules. */
function validated<R extends Resource>(resource: R): Resource<R['kind']> {
  return parseResource(resource) as Resource<R['kind']>; // the kind is read from the resource itself
}

function decode<K extends Kind>(kind: K, found: KeyValue): Resource<K> {
  return decodeResource(kind, found.value, found.revision);
}

function decodeOrSkip<K extends Kind>(kind: K, found: KeyValue): Resource<K>[] {
  try {
    return parseResourceKey(found.key) === undefined ? [] : [decode(kind, found)];
  } catch {
    return [];
  }
}

function exists(identity: string, cause?: DatastoreError): DatastoreError {
  return new DatastoreError('already-exists', `${identity} already exists`, {
    identity,
    current: cause?.current,
    cause,
  });
}

function notFound(identity: string): DatastoreError {
  return new DatastoreError('not-found', `${identity} does not exist`, { identity });
}

function unsupported(identity: string): DatastoreError {
  return new DatastoreError('unsupported', `${identity} is built in and cannot be changed`, { identity });
}

/** The store's answer in terms of the resource instead of the key. */
function renamed(error: unknown, identity: string): unknown {
  if (isDatastoreError(error, 'not-found')) return notFound(identity);
  if (!isDatastoreError(error, 'conflict')) return error;
  return new DatastoreError('conflict', `${identity} was changed by somebody else: read it again`, {
    identity,
    current: error.current,
    cause: error,
  });
}

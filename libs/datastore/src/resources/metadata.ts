import type { Kind, Resource } from '@calico-node/model';
import { DatastoreError } from '../errors.ts';

type Metadata = Resource['metadata'];

/** The resource with other metadata. */
export function withMetadata<R extends Resource>(resource: R, metadata: Metadata): Resource<R['kind']> {
  // Every kind's metadata is the same type; the compiler does not carry the kind through the spread.
  return { ...resource, metadata } as Resource<R['kind']>;
}

/** The resource as read or written at a revision. */
export function atRevision<R extends Resource>(resource: R, revision: bigint): Resource<R['kind']> {
  return withMetadata(resource, { ...resource.metadata, resourceVersion: String(revision) });
}

/** What the client adds to a resource that is created: an identity and a time. */
export function withIdentity<R extends Resource>(resource: R, now: number): Resource<R['kind']> {
  const { uid, creationTimestamp, ...rest } = resource.metadata;
  return withMetadata(resource, {
    ...rest,
    uid: isGiven(uid) ? uid : globalThis.crypto.randomUUID(),
    creationTimestamp: isGiven(creationTimestamp) ? creationTimestamp : formatTime(now),
  });
}

/** How an operator names it: `NetworkPolicy(default/web)`. */
export function identityOf(kind: Kind, name: string, namespace?: string): string {
  return `${kind}(${isGiven(namespace) ? `${namespace}/` : ''}${name})`;
}

/** @throws DatastoreError `validation` unless the resource may be created. */
export function checkForCreate(resource: Resource): void {
  const { name, generateName, namespace, resourceVersion } = resource.metadata;
  const identity = identityOf(resource.kind, name, namespace);
  if (isGiven(resourceVersion)) {
    throw new DatastoreError('validation', `metadata.resourceVersion of ${identity} must be empty on create`, {
      identity,
    });
  }
  if (name === '') {
    const message = isGiven(generateName) ? 'generateName is not supported' : 'metadata.name is missing';
    throw new DatastoreError('validation', `${resource.kind}: ${message}`, { identity });
  }
}

/** The revision that an update names. @throws DatastoreError `validation` for metadata that no read gave. */
export function revisionForUpdate(resource: Resource): bigint {
  const { name, namespace, uid, creationTimestamp, resourceVersion } = resource.metadata;
  const identity = identityOf(resource.kind, name, namespace);
  for (const [field, value] of Object.entries({ resourceVersion, creationTimestamp, uid })) {
    if (!isGiven(value)) {
      throw new DatastoreError('validation', `metadata.${field} of ${identity} is missing: update what was read`, {
        identity,
      });
    }
  }
  return parseRevision(resourceVersion, identity);
}

/** @throws DatastoreError `validation` */
export function parseRevision(text: string | undefined, identity: string): bigint {
  if (text !== undefined && /^\d{1,19}$/.test(text)) return BigInt(text);
  throw new DatastoreError(
    'validation',
    `metadata.resourceVersion '${String(text)}' of ${identity} is not a revision`,
    { identity },
  );
}

export function isGiven(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

function formatTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}

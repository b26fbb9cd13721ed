import { decodeResource, resourceKey, resourcePrefix, type Kind, type Resource } from '@calico-node/model';
import type { Backend, WatchEvent } from '../backend.ts';

/** A change to one resource. */
export type ResourceEvent<K extends Kind> =
  | { readonly type: 'added'; readonly resource: Resource<K> }
  | { readonly type: 'modified'; readonly resource: Resource<K>; readonly previous: Resource<K> | undefined }
  | { readonly type: 'deleted'; readonly previous: Resource<K> | undefined; readonly key: string };

export interface ResourceWatch<K extends Kind> {
  readonly namespace?: string | undefined;
  /** Only this one. */
  readonly name?: string | undefined;
  /** Start after this revision; when absent, what there is comes first, as `added`. */
  readonly revision?: bigint | undefined;
  /** Called synchronously, in revision order. Resources that cannot be read are passed over. */
  readonly onEvent: (event: ResourceEvent<K>) => void;
  readonly signal: AbortSignal;
}

/**
 * One watch, as Calico's client gives it: it ends with a `DatastoreError` when the connection breaks or
 * changes were missed. To follow through that, use `startSyncer`.
 */
export async function watchResources<K extends Kind>(
  backend: Backend,
  kind: K,
  watch: ResourceWatch<K>,
): Promise<void> {
  const { name, namespace, onEvent, signal } = watch;
  const prefix = name === undefined ? resourcePrefix(kind, namespace) : resourceKey(kind, name, namespace);
  const isWanted = (key: string): boolean => name === undefined || key === prefix;
  let { revision } = watch;
  if (revision === undefined) {
    const list = await backend.list(prefix, { signal });
    for (const item of list.items) {
      const resource = isWanted(item.key) ? decode(kind, item.value, item.revision) : undefined;
      if (resource !== undefined) onEvent({ type: 'added', resource });
    }
    ({ revision } = list);
  }
  await backend.watch({
    prefixes: [prefix],
    fromRevision: revision + 1n,
    previous: true,
    signal,
    onEvents: (events) => {
      for (const event of events) {
        const change = isWanted(event.key) ? toResourceEvent(kind, event) : undefined;
        if (change !== undefined) onEvent(change);
      }
    },
  });
}

function toResourceEvent<K extends Kind>(kind: K, event: WatchEvent): ResourceEvent<K> | undefined {
  const { type, key, value, revision } = event;
  const previous = event.previous && decode(kind, event.previous.value, event.previous.revision);
  if (type === 'deleted') return { type, previous, key };
  const resource = decode(kind, value, revision);
  if (resource === undefined) return undefined;
  return type === 'created' ? { type: 'added', resource } : { type, resource, previous };
}

function decode<K extends Kind>(kind: K, value: string, revision: bigint): Resource<K> | undefined {
  try {
    return decodeResource(kind, value, revision);
  } catch {
    return undefined;
  }
}

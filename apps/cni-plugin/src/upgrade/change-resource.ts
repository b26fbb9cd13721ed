import { isDatastoreError, type Resources } from '@calico-node/datastore';
import type { Kind, Resource } from '@calico-node/model';

const attempts = 5;

/** Changes a resource that others may be changing too. @throws DatastoreError */
export async function changeResource<K extends Kind>(
  resources: Resources,
  kind: K,
  name: string,
  signal: AbortSignal,
  change: (old: Resource<K>) => Resource<K>,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await resources.update(change(await resources.get(kind, name, undefined, { signal })), { signal });
      return;
    } catch (error) {
      if (!isDatastoreError(error, 'conflict') || attempt === attempts) throw error;
    }
  }
}

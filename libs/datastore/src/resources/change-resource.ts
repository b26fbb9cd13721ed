import { encodeResource, type Kind, type Resource } from '@calico-node/model';
import type { CallOptions } from '../backend.ts';
import { isDatastoreError } from '../errors.ts';
import type { Resources } from './resources.ts';

/** How often it is tried in all. */
const attempts = 10;

/**
 * Changes a resource without namespace; writes nothing when nothing changes, and tries again when somebody else wrote in
 * between.
 *
 * @throws DatastoreError `not-found` when there is none of the name, `conflict` when others never cease to write.
 */
export async function changeResource<K extends Kind>(
  resources: Resources,
  kind: K,
  name: string,
  change: (stored: Resource<K>) => Resource<K>,
  options: CallOptions,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const stored = await resources.get(kind, name, undefined, options);
    const wanted = change(stored);
    if (encodeResource(stored) === encodeResource(wanted)) return;
    try {
      await resources.update(wanted, options);
      return;
    } catch (error) {
      if (!isDatastoreError(error, 'conflict') || attempt === attempts) throw error;
    }
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import { isDatastoreError, type Resources } from '@calico-node/datastore';
import type { Resource } from '@calico-node/model';
import { CommandError } from '../io.ts';

/** How often an update that lost a race is tried in all, and how long apart. */
const UPDATE_TRIES = 5;
const UPDATE_PAUSE_MS = 1000;

/**
 * Writes over what the store has. The metadata that the store set stay; labels and annotations are the new
 * ones. A resource that carries a revision must carry the newest.
 */
export async function update(resource: Resource, resources: Resources): Promise<Resource> {
  const { name, namespace, resourceVersion } = resource.metadata;
  for (let attempt = 1; ; attempt++) {
    const current: Resource = await resources.get(resource.kind, name, namespace);
    const latest = current.metadata.resourceVersion;
    if (resourceVersion !== undefined && resourceVersion !== '' && resourceVersion !== latest) {
      throw new CommandError(
        `resource version '${resourceVersion}' is out of date (latest: ${latest ?? ''}). Update the resource YAML/JSON in order to make changes`,
      );
    }
    try {
      return await resources.update(merged(resource, current));
    } catch (error) {
      if (!isDatastoreError(error, 'conflict') || attempt === UPDATE_TRIES) throw error;
      await delay(UPDATE_PAUSE_MS);
    }
  }
}

/** The new resource in place of the old one: its status too, where the new one has none. */
function merged(resource: Resource, current: Resource): Resource {
  const { labels, annotations } = resource.metadata;
  // Both are of one kind, so that the status fits.
  return { ...current, ...resource, metadata: { ...current.metadata, labels, annotations } } as Resource;
}

export function withoutRevision(resource: Resource): Resource {
  const { resourceVersion: _, ...metadata } = resource.metadata;
  return { ...resource, metadata };
}

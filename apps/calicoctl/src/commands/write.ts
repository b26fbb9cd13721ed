import { setTimeout as delay } from 'node:timers/promises';
import { isDatastoreError, type Resources } from '@calico-node/datastore';
import type { Resource } from '@calico-node/model';
import { CommandError, type Io } from '../io.ts';
import { loadResources, type LoadOptions } from '../input/load.ts';
import { withSession, type DatastoreOptions } from '../session.ts';
import { reportOutcome } from './outcome.ts';
import { runAll } from './run-all.ts';
import { refuseReadOnly } from './read-only.ts';

export type WriteOptions = DatastoreOptions & LoadOptions & { readonly skipExists?: boolean };

/** How often an update that lost a race is tried in all, and how long apart. */
const UPDATE_TRIES = 5;
const UPDATE_PAUSE_MS = 1000;

/** `calicoctl create`: resources that exist are errors, or left alone with `--skip-exists`. */
export async function create(options: WriteOptions, io: Io): Promise<void> {
  await write(options, io, { base: 'create', past: 'created' }, async (resource, resources) => {
    refuseReadOnly('Create', resource);
    try {
      await resources.create(resource);
    } catch (error) {
      if (options.skipExists !== true || !isDatastoreError(error, 'already-exists')) throw error;
    }
  });
}

/** `calicoctl apply`: creates, or else updates. */
export async function apply(options: WriteOptions, io: Io): Promise<void> {
  await write(options, io, { base: 'apply', past: 'applied' }, async (resource, resources) => {
    refuseReadOnly('Apply', resource);
    try {
      await resources.create(withoutRevision(resource));
    } catch (error) {
      if (!isDatastoreError(error, 'already-exists', 'unsupported')) throw error;
      await update(resource, resources);
    }
  });
}

/** `calicoctl replace`: updates resources that must exist. */
export async function replace(options: WriteOptions, io: Io): Promise<void> {
  await write(options, io, { base: 'replace', past: 'replaced' }, async (resource, resources) => {
    refuseReadOnly('Update', resource);
    await update(resource, resources);
  });
}

async function write(
  options: WriteOptions,
  io: Io,
  verb: { readonly base: string; readonly past: string },
  one: (resource: Resource, resources: Resources) => Promise<void>,
): Promise<void> {
  if (options.filenames.length === 0) throw new CommandError('give a file with -f, or - for standard input');
  const loaded = await loadResources(options, io);
  const outcome = await withSession(options, io, async ({ resources }) => {
    await resources.ensureInitialized({}).catch(() => undefined); // the write itself will say what is wrong
    return runAll(
      loaded.map(({ resource }) => resource),
      (resource) => one(resource, resources),
    );
  });
  reportOutcome(verb, outcome, io);
}

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

function withoutRevision(resource: Resource): Resource {
  const { resourceVersion: _, ...metadata } = resource.metadata;
  return { ...resource, metadata };
}

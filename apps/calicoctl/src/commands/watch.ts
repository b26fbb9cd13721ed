import { startSyncer, type SyncerBatch, type Update } from '@calico-node/datastore';
import {
  decodeResource,
  parseResourceKey,
  resourceKey,
  resourcePrefix,
  resourceToJson,
  type Kind,
  type Resource,
} from '@calico-node/model';
import { compareResources, renderChanges } from '../diff/compare.ts';
import { CommandError, type Io } from '../io.ts';
import { withSession, type DatastoreOptions } from '../session.ts';
import { nameOf } from './named.ts';
import { kindOf, namespaceFor } from './targets.ts';

export interface WatchOptions extends DatastoreOptions {
  readonly kind: string;
  readonly name?: string | undefined;
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  readonly output?: string;
}

/** What became of one resource. */
export interface ResourceChange {
  readonly type: 'added' | 'modified' | 'deleted';
  /** As it is now; as it was last, when deleted. */
  readonly resource: Resource;
  readonly before: Resource | undefined;
}

type Render = (change: ResourceChange) => string;

/**
 * `calicoctl watch KIND [NAME]`: what there is, then every change, until the user stops it. An etcd that is away, or
 * that has compacted the revisions since, delays changes and may show several as one; none is lost.
 */
export async function watch(options: WatchOptions, io: Io): Promise<void> {
  const kind = kindOf(options.kind);
  const namespace = namespaceFor(kind, options.namespace, options.allNamespaces);
  const render = await rendererOf(options.output ?? 'ps');
  const prefix =
    options.name === undefined ? resourcePrefix(kind, namespace) : resourceKey(kind, options.name, namespace);
  const isWanted = (key: string): boolean => options.name === undefined || key === prefix;
  const signal = io.interrupted();
  await withSession(options, io, async ({ backend }) => {
    const tracker = new ResourceTracker(kind);
    const onBatch = ({ updates }: SyncerBatch): void => {
      const wanted = updates.filter(({ key }) => isWanted(key));
      for (const change of tracker.take(wanted)) io.out(render(change));
    };
    const onConnection = ({ connected, reason }: { readonly connected: boolean; readonly reason: string }): void => {
      if (!connected) io.err(`not following the datastore, trying again: ${reason}\n`);
    };
    await startSyncer({ backend, prefixes: [prefix], onBatch, onConnection, signal }).done;
  });
}

/** Knows what each resource was, to tell what became of it. Resources that can't be read are passed over. */
export class ResourceTracker {
  readonly #kind: Kind;
  readonly #known = new Map<string, Resource>();

  constructor(kind: Kind) {
    this.#kind = kind;
  }

  take(updates: readonly Update[]): readonly ResourceChange[] {
    return updates.flatMap((update): readonly ResourceChange[] => {
      const before = this.#known.get(update.key);
      const resource = this.#decode(update);
      if (resource === undefined) {
        this.#known.delete(update.key);
        return before === undefined ? [] : [{ type: 'deleted', resource: before, before }];
      }
      this.#known.set(update.key, resource);
      return [{ type: before === undefined ? 'added' : 'modified', resource, before }];
    });
  }

  #decode({ key, value, revision }: Update): Resource | undefined {
    if (value === undefined || parseResourceKey(key)?.kind !== this.#kind) return undefined;
    try {
      return decodeResource(this.#kind, value, revision);
    } catch {
      return undefined;
    }
  }
}

/** @throws CommandError for a format that there is not. */
async function rendererOf(output: string): Promise<Render> {
  switch (output) {
    case 'ps':
      return renderLine;
    case 'json':
      return (change) => `${JSON.stringify(eventOf(change))}\n`;
    case 'yaml': {
      const { renderYaml } = await import('../output/yaml.ts');
      return (change) => `---\n${renderYaml(eventOf(change))}`;
    }
    default:
      throw new CommandError(`unrecognized output format '${output}': watch knows ps, yaml and json`);
  }
}

/** A line, and one for each field that changed. */
export function renderLine({ type, resource, before }: ResourceChange): string {
  const difference = type === 'modified' ? compareResources(before, resource) : undefined;
  const changes = difference?.type === 'changed' ? renderChanges(difference.changes) : '';
  return `${type.padEnd(8)}   ${nameOf(resource)}   revision ${resource.metadata.resourceVersion ?? ''}\n${changes}`;
}

/** As Kubernetes has it on its watches. */
function eventOf({ type, resource }: ResourceChange): unknown {
  return { type: type.toUpperCase(), object: JSON.parse(resourceToJson(resource)) as unknown };
}

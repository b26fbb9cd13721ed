import type { Resources } from '@calico-node/datastore';
import {
  DEFAULT_ALLOW_PROFILE,
  kindInfo,
  kinds,
  RESERVED_TIERS,
  resourceToJson,
  type Kind,
  type Resource,
} from '@calico-node/model';
import { CommandError, type Io } from '../io.ts';
import { withSession, type DatastoreOptions } from '../session.ts';
import { kindOf } from './targets.ts';

export interface ExportOptions extends DatastoreOptions {
  /** None for all. */
  readonly kinds: readonly string[];
  readonly namespace?: string;
  readonly output?: string;
}

/** What others refer to goes first, so that an import finds it there. */
const FIRST: readonly Kind[] = ['Tier', 'BGPConfiguration', 'FelixConfiguration', 'IPPool', 'BGPFilter', 'Profile'];

/** The record of the cluster itself, and what IPAM keeps: no import may write them. */
const LEFT_OUT: ReadonlySet<Kind> = new Set(['ClusterInformation', 'BlockAffinity']);

/**
 * `calicoctl export`: the resources of all kinds, or of those named, as documents that `import` and `apply` read,
 * all as of one revision. What belongs to this store alone (identity, revision, creation time) is left out, and so
 * is what every cluster is born with.
 */
export async function exportResources(options: ExportOptions, io: Io): Promise<void> {
  const wanted =
    options.kinds.length === 0 ? inOrder(kinds.filter((kind) => !LEFT_OUT.has(kind))) : options.kinds.map(kindOf);
  const render = await rendererOf(options.output ?? 'yaml');
  await withSession(options, io, async ({ resources }) => {
    let revision: bigint | undefined;
    for (const kind of wanted) {
      if (options.namespace !== undefined && !kindInfo(kind).namespaced) continue;
      const list = await listAt(resources, kind, options.namespace, revision);
      revision = list.revision;
      for (const resource of list.items) if (!isBuiltIn(resource)) io.out(render(portable(resource)));
    }
  });
}

async function listAt(
  resources: Resources,
  kind: Kind,
  namespace: string | undefined,
  revision: bigint | undefined,
): Promise<{ readonly items: readonly Resource[]; readonly revision: bigint }> {
  const list = await resources.list(kind, namespace, revision === undefined ? {} : { revision });
  return { items: list.items, revision: revision ?? list.revision };
}

async function rendererOf(output: string): Promise<(value: unknown) => string> {
  if (output === 'json') return (value) => `---\n${JSON.stringify(value)}\n`;
  if (output !== 'yaml') throw new CommandError(`unrecognized output format '${output}': export knows yaml and json`);
  const { renderYaml } = await import('../output/yaml.ts');
  return (value) => `---\n${renderYaml(value)}`;
}

function inOrder(all: readonly Kind[]): readonly Kind[] {
  return [...FIRST, ...all.filter((kind) => !FIRST.includes(kind))];
}

/** Every cluster has them, and they can't be otherwise but for what is written on them. */
function isBuiltIn({ kind, metadata: { name, labels, annotations } }: Resource): boolean {
  if (kind === 'Profile') return name === DEFAULT_ALLOW_PROFILE.metadata.name;
  return kind === 'Tier' && Object.hasOwn(RESERVED_TIERS, name) && labels === undefined && annotations === undefined;
}

/** Without what the store gave it. */
function portable(resource: Resource): unknown {
  const {
    uid: _uid,
    resourceVersion: _resourceVersion,
    creationTimestamp: _creationTimestamp,
    generation: _generation,
    selfLink: _selfLink,
    managedFields: _managedFields,
    ...metadata
  } = resource.metadata;
  return JSON.parse(resourceToJson({ ...resource, metadata })) as unknown;
}

import type { Backend, Resources } from '@calico-node/datastore';
import { ipamConfigKey, type Resource } from '@calico-node/model';
import { CommandError, type Io } from '../../io.ts';
import { withSession, type DatastoreOptions } from '../../session.ts';
import { renderExport, renderKind } from './export-file.ts';
import { EXPORTED_KINDS } from './exported-kinds.ts';
import { exportedResource, isExported, kubernetesNames, type NodeNames } from './exported-resource.ts';
import { IPAM_PREFIXES, renamedDump, renderDump, type IpamDump } from './ipam-dump.ts';

export interface ExportOptions extends DatastoreOptions {
  /** For another etcd, whose nodes keep their names. */
  readonly keepNodeNames?: boolean;
}

/**
 * `calicoctl datastore migrate export`: prints a locked datastore, so that nothing changes meanwhile. Nodes get
 * the names that they have in Kubernetes, as the Kubernetes datastore needs them.
 */
export async function exportDatastore(options: ExportOptions, io: Io): Promise<void> {
  const text = await withSession(options, io, async ({ backend, resources }) => {
    const cluster = await resources.get('ClusterInformation', 'default');
    if (cluster.spec.datastoreReady !== false) {
      throw new CommandError(
        'datastore is not locked. Run the `calicoctl datastore migrate lock` command in order to begin migration',
      );
    }
    const nodes = (await resources.list('Node')).items;
    const names = options.keepNodeNames === true ? new Map<string, string>() : namesOf(nodes);
    const kinds: string[] = [];
    for (const kind of EXPORTED_KINDS) {
      const { items, revision } = await resources.list(kind);
      const own: readonly Resource[] = items;
      const exported = own.filter(isExported).map((resource) => exportedResource(resource, names));
      kinds.push(renderKind(kind, exported, revision));
    }
    return renderExport(kinds, cluster, renderDump(renamedDump(await readDump(backend), names)));
  });
  io.out(text);
}

function namesOf(nodes: Awaited<ReturnType<Resources['list']>>['items'] & readonly Resource<'Node'>[]): NodeNames {
  try {
    return kubernetesNames(nodes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new CommandError(`unable to process metadata for export for Node resource: ${error.message}`, {
      cause: error,
    });
  }
}

async function readDump(backend: Backend): Promise<IpamDump> {
  const list = async (prefix: string): Promise<IpamDump['blocks']> => (await backend.list(prefix)).items;
  const [hosts, virtual, blocks, handles, config] = await Promise.all([
    list(IPAM_PREFIXES.affinities[0]),
    list(IPAM_PREFIXES.affinities[1]),
    list(IPAM_PREFIXES.blocks),
    list(IPAM_PREFIXES.handles),
    backend.get(ipamConfigKey),
  ]);
  return { affinities: [...hosts, ...virtual], blocks, handles, config };
}

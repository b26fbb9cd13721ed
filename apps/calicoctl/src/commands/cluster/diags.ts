import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CALICO_VERSION } from '@calico-node/datastore';
import {
  affinityPrefix,
  blockPrefix,
  handlePrefix,
  ipamConfigKey,
  kindInfo,
  kinds,
  resourceToJson,
  type Kind,
  type Resource,
} from '@calico-node/model';
import { VERSION } from '@calico-node/service';
import { describeError } from '../../describe-error.ts';
import { startBundle, timestamp, type Bundle } from '../../diags/bundle.ts';
import type { Io } from '../../io.ts';
import { renderYaml } from '../../output/yaml.ts';
import { withSession, type Session } from '../../session.ts';
import {
  orderedNodes,
  readClusterDiagsFlags,
  type ClusterDiagsFlags,
  type ClusterDiagsSettings,
} from './diags-options.ts';
import { inParallel } from './in-parallel.ts';
import { nodeDetails } from './node-details.ts';

/**
 * `calicoctl cluster diags`: what the datastore holds, in an archive in the current directory. Logs are on the
 * nodes: without Kubernetes there is no way to them, and `calicoctl node diags` collects them there.
 */
export async function clusterDiags(flags: ClusterDiagsFlags, io: Io): Promise<void> {
  const settings = readClusterDiagsFlags(flags);
  io.out('==== Begin collecting diagnostics. ====\n');
  const name = `calico-diagnostics-${timestamp(io.now())}`;
  const archive = `${name}.tar.gz`;
  const bundle = await startBundle(name);
  io.out(`Created temporary directory: ${bundle.temporary}\n`);
  try {
    io.out('Logs are not collected: there is no Kubernetes client. Run `calicoctl node diags` on the nodes.\n');
    if (settings.hasSince) io.out('--since has no effect without logs.\n');
    const errors = await withSession(flags, io, (session) => collect(session, bundle, settings, io));
    await bundle.add('versions.txt', `calicoctl ${VERSION} (Calico ${CALICO_VERSION})\n`);
    await bundle.add('errors.txt', errors.map((line) => `${line}\n`).join(''));
    io.out('\n==== Producing a diagnostics bundle. ====\n');
    await bundle.pack(resolve(archive));
  } finally {
    if (!settings.keepsDirectory) await rm(bundle.temporary, { recursive: true, force: true });
  }
  io.out(`Diagnostic bundle created at ./${archive}\n`);
}

/** Gives what could not be read; the rest is collected all the same. */
async function collect(
  session: Session,
  bundle: Bundle,
  settings: ClusterDiagsSettings,
  io: Io,
): Promise<readonly string[]> {
  const { backend } = session;
  const errors: string[] = [];
  const attempt = (what: string, task: () => Promise<void>) => async (): Promise<void> => {
    try {
      await task();
    } catch (error) {
      errors.push(`Could not collect ${what}: ${describeError(error)}`);
      io.out(`Could not collect ${what}: ${describeError(error)}\n`);
    }
  };
  const raw = (what: string, ...prefixes: string[]): (() => Promise<void>) =>
    attempt(what, async () => {
      const lists = await Promise.all(prefixes.map((prefix) => backend.list(prefix)));
      const lines = lists.flatMap(({ items }) =>
        items.map(({ key, value, revision }) => `${key} ${revision} ${value}\n`),
      );
      await bundle.add(`ipam/${what}.txt`, lines.join(''));
    });
  io.out('Collecting Calico resources...\n');
  const nodeNames = (await session.resources.list('Node')).items.map(({ metadata }) => metadata.name);
  const endpoints = (await session.resources.list('WorkloadEndpoint')).items;
  const statuses = (await session.resources.list('CalicoNodeStatus')).items;
  const nodes = orderedNodes(nodeNames, settings.focusNodes).slice(0, settings.maxNodes);
  const details = nodes.map((node) =>
    attempt(`details of node ${node}`, async () => {
      io.out(`Collecting detailed diags for node ${node}...\n`);
      await bundle.add(`nodes/${node.replaceAll('/', '_')}.txt`, await nodeDetails(backend, node, endpoints, statuses));
    }),
  );
  await inParallel(
    [
      ...kinds.map((kind) => attempt(kind, () => addKind(session, bundle, kind))),
      raw('blocks', blockPrefix()),
      raw('affinities', affinityPrefix('host'), affinityPrefix('virtual')),
      raw('handles', handlePrefix),
      raw('config', ipamConfigKey),
      ...details,
    ],
    settings.parallelism,
  );
  return errors;
}

async function addKind({ resources }: Session, bundle: Bundle, kind: Kind): Promise<void> {
  const { items, revision } = await resources.list(kind);
  const all: readonly Resource[] = items;
  const list = {
    kind: `${kind}List`,
    apiVersion: 'projectcalico.org/v3',
    metadata: { resourceVersion: String(revision) },
    items: all.map((resource) => JSON.parse(resourceToJson(resource)) as unknown),
  };
  await bundle.add(`cluster/${kindInfo(kind).plural}.yaml`, renderYaml(list));
}

import { readFile } from 'node:fs/promises';
import { isDatastoreError, type Backend, type Resources } from '@calico-node/datastore';
import { parseResource, parseResourceKey, ValidationError, type Resource } from '@calico-node/model';
import { describeError } from '../../describe-error.ts';
import { CommandError, type Io } from '../../io.ts';
import { withSession, type DatastoreOptions } from '../../session.ts';
import { runAll } from '../run-all.ts';
import { parseExportedResources, splitExport } from './export-file.ts';
import { dumpSize, parseDump, type IpamDump } from './ipam-dump.ts';

export interface ImportOptions extends DatastoreOptions {
  readonly filename: string;
}

interface Contents {
  readonly resources: readonly Resource[];
  readonly cluster: Resource<'ClusterInformation'>;
  readonly ipam: IpamDump;
}

/**
 * `calicoctl datastore migrate import`: fills an empty datastore and leaves it locked. The whole file is checked
 * before anything is written.
 */
export async function importDatastore(options: ImportOptions, io: Io): Promise<void> {
  const contents = parseFile(options.filename, await readInput(options.filename, io));
  await withSession(
    options,
    io,
    async ({ backend, resources }) => {
      await refuseNonEmpty(backend);
      await writeCluster(resources, contents.cluster);
      await writeResources(resources, contents.resources, io);
      await writeIpam(backend, contents.ipam, io);
      await resources.ensureInitialized();
    },
    { checksVersion: false },
  );
  io.out(
    'Datastore information successfully imported. Please refer to the datastore migration documentation for next steps.\n',
  );
  io.out('The datastore is locked: run `calicoctl datastore migrate unlock` when its nodes may begin.\n');
}

async function readInput(filename: string, io: Io): Promise<string> {
  try {
    return filename === '-' ? await io.readStdin() : await readFile(filename, 'utf8');
  } catch (error) {
    throw new CommandError(`error while reading migration file: ${describeError(error)}`, { cause: error });
  }
}

function parseFile(filename: string, text: string): Contents {
  const file = filename === '-' ? '<stdin>' : filename;
  const parts = splitExport(text);
  if (parts === undefined) {
    throw new CommandError(
      `error while reading migration file: imported file: ${file} is improperly formatted. Try recreating with 'calicoctl datastore migrate export'`,
    );
  }
  const { resources, problems } = parseExportedResources(file, parts.resources);
  if (problems.length > 0) {
    throw new CommandError([...problems, 'failed to import v3 resources; nothing was changed'].join('\n'));
  }
  try {
    return { resources, cluster: parseCluster(parts.cluster), ipam: parseDump(parts.ipam) };
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof ValidationError)) throw error;
    throw new CommandError(`${file}: ${describeError(error)}; nothing was changed`, { cause: error });
  }
}

function parseCluster(text: string): Resource<'ClusterInformation'> {
  const resource = parseResource(JSON.parse(text) as unknown);
  if (resource.kind === 'ClusterInformation') return resource;
  throw new SyntaxError(`the second part must be a ClusterInformation, and is a ${resource.kind}`);
}

async function refuseNonEmpty(backend: Backend): Promise<void> {
  const [first] = (await backend.list('/calico/')).items;
  if (first === undefined) return;
  const key = parseResourceKey(first.key);
  const found = key === undefined ? `key ${first.key}` : `${key.kind} resource ${key.name}`;
  throw new CommandError(
    `datastore already has Calico resources: found existing Calico ${found}. Import needs an empty datastore, since what is there and what is in the file could contradict each other; use another etcd, or delete everything under /calico/`,
  );
}

/** First of all, and locked, so that a node that is there already does not act on half of the data. */
async function writeCluster(resources: Resources, cluster: Resource<'ClusterInformation'>): Promise<void> {
  const { clusterGUID, clusterType, calicoVersion } = cluster.spec;
  await resources.create({
    kind: 'ClusterInformation',
    apiVersion: 'projectcalico.org/v3',
    metadata: { name: 'default' },
    spec: { clusterGUID, clusterType, calicoVersion, datastoreReady: false },
  });
}

async function writeResources(resources: Resources, items: readonly Resource[], io: Io): Promise<void> {
  const run = { io, past: 'applied', total: items.length, kind: undefined };
  const queue = items.map((resource) => ({ resource }));
  const { errors, handled } = await runAll(queue, run, async (resource) => {
    await resources.create(resource);
  });
  if (errors.length > 0) {
    io.out(`Partial success: applied the first ${handled} out of ${items.length} resources:\n`);
    throw new CommandError(`failed to import v3 resources: hit error(s): [${errors.join(' ')}]`);
  }
  io.out(`Successfully applied ${handled} resource(s)\n`);
}

async function writeIpam(backend: Backend, dump: IpamDump, io: Io): Promise<void> {
  io.out('Importing IPAM resources\n');
  const entries = [...dump.affinities, ...dump.blocks, ...dump.handles];
  if (dump.config !== undefined) entries.push(dump.config);
  let written = 0;
  for (const { key, value } of entries) {
    try {
      await backend.create(key, value);
      written += 1;
    } catch (error) {
      if (!isDatastoreError(error)) throw error;
      throw new CommandError(
        `Partial success: applied the first ${written} out of ${entries.length} resources:\nhit error(s): [${key}: ${describeError(error)}]`,
        { cause: error },
      );
    }
  }
  io.out(`Successfully applied ${dumpSize(dump)} IPAM resource(s)\n`);
}

import { accessSync, constants } from 'node:fs';
import {
  CALICO_VERSION,
  isDatastoreError,
  openDatastore,
  Resources,
  type Backend,
  type Log,
} from '@calico-node/datastore';
import { CommandError, type Io } from './io.ts';
import { comparableVersion } from './release.ts';

const DEFAULT_CONFIG_FILE = '/etc/calico/calicoctl.cfg';

/** Options that every command on the datastore takes. */
export interface DatastoreOptions {
  readonly config?: string | undefined;
  readonly allowVersionMismatch?: boolean | undefined;
  /** `panic` and `fatal`, the default, say nothing. */
  readonly logLevel?: string | undefined;
}

export interface SessionNeeds {
  /** Refuse a cluster of another release; the default. */
  readonly checksVersion?: boolean;
  /** The command writes nothing, and prints nothing before it is done: it need not wait for the check. */
  readonly isReadOnly?: boolean;
  /** Nodes or pools are to be deleted, and their addresses with them. */
  readonly needsIpam?: boolean;
  /** Nothing is written to the store, and everything looks as if it were. */
  readonly isDryRun?: boolean;
}

export interface Session {
  readonly backend: Backend;
  readonly resources: Resources;
}

/**
 * Runs a command with a connection to the datastore, checked for the cluster's version as real calicoctl
 * does, and closed afterwards.
 *
 * @throws CommandError for a configuration that can't be used and for another version.
 */
export async function withSession<T>(
  options: DatastoreOptions,
  io: Io,
  use: (session: Session) => Promise<T>,
  { checksVersion = true, isReadOnly = false, needsIpam = false, isDryRun = false }: SessionNeeds = {},
): Promise<T> {
  const store = await open(options, io);
  try {
    const backend = isDryRun ? await layOver(store) : store;
    const session: Session = { backend, resources: await openResources(backend, needsIpam) };
    const checks = checksVersion && options.allowVersionMismatch !== true;
    if (checks && !isReadOnly) await checkVersion(session);
    const result = use(session);
    if (checks && isReadOnly) {
      result.catch(() => undefined); // another release is the better reason, if that is it
      await checkVersion(session);
    }
    return await result;
  } finally {
    store.close();
  }
}

async function layOver(store: Backend): Promise<Backend> {
  const { OverlayBackend } = await import('./diff/overlay-backend.ts');
  return new OverlayBackend(store);
}

/** Deleting nodes and pools takes their addresses along; nothing else needs the allocator. */
async function openResources(backend: Backend, needsIpam: boolean): Promise<Resources> {
  if (!needsIpam) return new Resources(backend);
  const { Ipam } = await import('@calico-node/ipam');
  return new Resources(backend, { ipam: new Ipam(backend) });
}

async function open({ config = DEFAULT_CONFIG_FILE, logLevel }: DatastoreOptions, io: Io): Promise<Backend> {
  const isReadable = canRead(config);
  if (!isReadable && config !== DEFAULT_CONFIG_FILE) throw new CommandError(`Error reading config file: ${config}`);
  try {
    return await openDatastore({ env: io.env, ...(isReadable ? { configFile: config } : {}) }, await openLog(logLevel));
  } catch (error) {
    if (!isDatastoreError(error)) throw error;
    throw new CommandError(`Failed to create Calico API client: ${error.message}`, { cause: error });
  }
}

async function openLog(level = 'panic'): Promise<Log | undefined> {
  if (level === 'panic' || level === 'fatal') return undefined;
  const { createLogger } = await import('@calico-node/service');
  return createLogger('calicoctl', level);
}

function canRead(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

async function checkVersion({ resources }: Session): Promise<void> {
  const cluster = await clusterVersion(resources);
  if (cluster === undefined || comparableVersion(cluster) === comparableVersion(CALICO_VERSION)) return;
  throw new CommandError(
    `version mismatch.\nClient Version:   ${CALICO_VERSION}\nCluster Version:  ${cluster}\nUse --allow-version-mismatch to override`,
  );
}

/** What the cluster's nodes run; nothing in a new store, or when it can't be reached: the command will say so. */
async function clusterVersion(resources: Resources): Promise<string | undefined> {
  try {
    const { spec } = await resources.get('ClusterInformation', 'default');
    return spec.calicoVersion === '' ? undefined : spec.calicoVersion;
  } catch (error) {
    if (isDatastoreError(error, 'not-found', 'unavailable')) return undefined;
    throw error;
  }
}

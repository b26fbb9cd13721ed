import {
  connectDatastore,
  DatastoreError,
  loadDatastoreConfig,
  startSyncer,
  type Backend,
} from '@calico-node/datastore';
import { isKubernetesError } from '@calico-node/kubernetes';
import { Backoff, ConfigError, RunError, type ServiceContext } from '@calico-node/service';
import { readConfig, type ConfdConfig, type Target } from './config.ts';
import { linkDaemon } from './daemon-link.ts';
import { NotApplied } from './destination.ts';
import { BirdFilesRenderer } from './bird/render-bird.ts';
import { FileDestination } from './files/file-destination.ts';
import { birdCommands } from './files/bird-commands.ts';
import { LocalWorkloads } from './local-workloads.ts';
import { NativeDestination } from './native-destination.ts';
import { runOnce } from './once.ts';
import { Reconciler } from './reconciler.ts';
import { renderFiles } from './render-files.ts';
import { BgpConfigRenderer } from './render/render.ts';
import { ClusterObjects } from './kubernetes/cluster-objects.ts';
import { StoreView } from './store-view.ts';
import { ResourceCache, watchedPrefixes } from './resource-cache.ts';
import { NameLookups } from './templates/name-lookups.ts';

/** How long a configuration that the daemon refused is left alone, if the store doesn't change. */
const REFUSED_RETRY_MS = 30_000;

/** Runs confd until it is told to stop, or, with `--onetime`, until the configuration is out. */
export async function runConfd(context: ServiceContext): Promise<void> {
  const config = readConfig(context);
  const backend = openDatastore(context);
  try {
    if (config.isOneTime) await plainly(runOnce(config, backend, context.signal));
    else await keepApplied(config, backend, context);
  } finally {
    backend.close();
  }
}

/** What the store or a destination says is told as it is: nobody needs the stack. */
async function plainly(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof NotApplied || error instanceof DatastoreError)) throw error;
    throw new RunError(error.message, { cause: error });
  }
}

function openDatastore({ env, log, signal }: ServiceContext): Backend {
  try {
    return connectDatastore(loadDatastoreConfig({ env }), { log, signal });
  } catch (error) {
    if (error instanceof DatastoreError && error.code === 'config') {
      throw new ConfigError(error.message, { cause: error });
    }
    throw error;
  }
}

/** The Kubernetes API, where there is one and it can be asked. */
function openCluster(nodeName: string, context: ServiceContext, onChange: () => void): ClusterObjects | undefined {
  const { env, log, signal } = context;
  try {
    return ClusterObjects.open(env, { nodeName, onChange, log, signal });
  } catch (error) {
    if (!isKubernetesError(error)) throw error;
    log.warn({ err: error }, 'no secrets and no routes of single services: the Kubernetes API cannot be asked');
    return undefined;
  }
}

async function keepApplied(config: ConfdConfig, backend: Backend, context: ServiceContext): Promise<void> {
  const { log, signal, health } = context;
  const cache = new ResourceCache();
  const store = health.register('datastore');
  const cluster = openCluster(config.render.nodeName, context, () => {
    work.reconciler.othersChanged();
  });
  const workloads = new LocalWorkloads({
    backend,
    nodeName: config.render.nodeName,
    onChange: () => {
      work.reconciler.othersChanged();
    },
    log,
    signal,
  });
  const view = new StoreView(cache, config.render, cluster, workloads);
  const work = startWork(config, view, context);
  store.report({ ready: false, reason: 'reading the store' });
  const syncer = startSyncer({
    backend,
    prefixes: watchedPrefixes(config.render.nodeName),
    onBatch: ({ updates, inSync }) => {
      for (const { key, error } of cache.apply(updates)) {
        log.warn({ key, err: error }, 'value in the store is not readable; treated as absent');
      }
      store.report(inSync ? { ready: true } : { ready: false, reason: 'reading the store' });
      if (inSync) work.reconciler.storeChanged();
    },
    log,
    signal,
  });
  try {
    await Promise.race([work.reconciler.run(), syncer.done]);
  } finally {
    work.close();
    cluster?.close();
  }
}

/** A reconciler, whatever it configures, and what has to be closed after it. */
interface Work {
  readonly reconciler: Pick<Reconciler<never>, 'storeChanged' | 'othersChanged' | 'run'>;
  close(): void;
}

function startWork({ target }: ConfdConfig, view: StoreView, context: ServiceContext): Work {
  return target.backend === 'native' ? nativeWork(target, view, context) : birdWork(target, view, context);
}

function nativeWork(
  { socket }: Extract<Target, { backend: 'native' }>,
  view: StoreView,
  { log, health, signal }: ServiceContext,
): Work {
  const link = linkDaemon(socket, () => {
    destination.linkLost();
    reconciler.destinationLost('the connection to the BGP daemon was lost');
  });
  const renderer = new BgpConfigRenderer();
  const destination = new NativeDestination(link);
  const reconciler = new Reconciler({
    destination,
    render: () => renderer.render(view.resources(), view.options),
    isWaiting: () => view.isWaiting,
    backoff: new Backoff(50, 1000),
    refusedRetryMs: REFUSED_RETRY_MS,
    log,
    health: health.register('bgp-daemon'),
    signal,
  });
  return {
    reconciler,
    close: () => {
      link.close();
    },
  };
}

function birdWork(
  target: Extract<Target, { backend: 'bird' }>,
  view: StoreView,
  { log, health, signal }: ServiceContext,
): Work {
  const lookups = new NameLookups(() => {
    reconciler.othersChanged();
  });
  const renderer = new BirdFilesRenderer();
  const reconciler = new Reconciler({
    destination: new FileDestination(target.directory, birdCommands(target), target.keepsStaged),
    render: () => renderFiles(view.resources(), view.options, target, lookups, renderer),
    isWaiting: () => view.isWaiting || lookups.isWaiting,
    backoff: new Backoff(250, 5000),
    log,
    health: health.register('bird'),
    signal,
  });
  return {
    reconciler,
    close: () => {
      lookups.close();
    },
  };
}

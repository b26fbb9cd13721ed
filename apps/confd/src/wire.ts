import {
  connectDatastore,
  DatastoreError,
  loadDatastoreConfig,
  startSyncer,
  type Backend,
} from '@calico-node/datastore';
import { Backoff, ConfigError, type ServiceContext } from '@calico-node/service';
import { readConfig, type ConfdConfig, type Target } from './config.ts';
import { linkDaemon } from './daemon-link.ts';
import { FileDestination } from './files/file-destination.ts';
import { birdCommands } from './files/bird-commands.ts';
import { NativeDestination } from './native-destination.ts';
import { runOnce } from './once.ts';
import { Reconciler } from './reconciler.ts';
import { renderFiles } from './render-files.ts';
import { renderBgpConfig } from './render/render.ts';
import { ResourceCache, watchedPrefixes } from './resource-cache.ts';

/** How long a configuration that the daemon refused is left alone, if the store doesn't change. */
const REFUSED_RETRY_MS = 30_000;

/** Runs confd until it is told to stop, or, with `--onetime`, until the configuration is out. */
export async function runConfd(context: ServiceContext): Promise<void> {
  const config = readConfig(context);
  const backend = openDatastore(context);
  try {
    if (config.isOneTime) await runOnce(config, backend, context.signal);
    else await keepApplied(config, backend, context);
  } finally {
    backend.close();
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

async function keepApplied(config: ConfdConfig, backend: Backend, context: ServiceContext): Promise<void> {
  const { log, signal, health } = context;
  const cache = new ResourceCache();
  const store = health.register('datastore');
  const work = startWork(config, cache, context);
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
  }
}

/** A reconciler, whatever it configures, and what has to be closed after it. */
interface Work {
  readonly reconciler: Pick<Reconciler<never>, 'storeChanged' | 'run'>;
  close(): void;
}

function startWork(config: ConfdConfig, cache: ResourceCache, context: ServiceContext): Work {
  const { target } = config;
  return target.backend === 'native'
    ? nativeWork(target, config, cache, context)
    : birdWork(target, config, cache, context);
}

function nativeWork(
  { socket }: Extract<Target, { backend: 'native' }>,
  config: ConfdConfig,
  cache: ResourceCache,
  { log, health, signal }: ServiceContext,
): Work {
  const link = linkDaemon(socket, () => {
    destination.linkLost();
    reconciler.destinationLost('the connection to the BGP daemon was lost');
  });
  const destination = new NativeDestination(link);
  const reconciler = new Reconciler({
    destination,
    render: () => renderBgpConfig(cache.resources(), config.render),
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
  config: ConfdConfig,
  cache: ResourceCache,
  { log, health, signal }: ServiceContext,
): Work {
  const reconciler = new Reconciler({
    destination: new FileDestination(target.directory, birdCommands(target)),
    render: () => renderFiles(cache.resources(), config.render, target),
    backoff: new Backoff(250, 5000),
    log,
    health: health.register('bird'),
    signal,
  });
  return { reconciler, close: () => undefined };
}

import {
  connectDatastore,
  DatastoreError,
  loadDatastoreConfig,
  startSyncer,
  type Backend,
} from '@calico-node/datastore';
import { ConfigError, type ServiceContext } from '@calico-node/service';
import { readConfig, type ConfdConfig } from './config.ts';
import { linkDaemon } from './daemon-link.ts';
import { Reconciler } from './reconciler.ts';
import { renderBgpConfig } from './render/render.ts';
import { ResourceCache, watchedPrefixes } from './resource-cache.ts';

/** Runs confd until it is told to stop, or, with `--onetime`, until the configuration is printed. */
export async function runConfd(context: ServiceContext): Promise<void> {
  const config = readConfig(context);
  const backend = openDatastore(context);
  try {
    if (config.isOneTime) await printOnce(config, backend, context);
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
  const link = linkDaemon(config.socket, () => {
    reconciler.linkLost();
  });
  const reconciler = new Reconciler({
    link,
    render: () => renderBgpConfig(cache.resources(), config.render),
    log,
    health: health.register('bgp-daemon'),
    signal,
  });
  store.report({ ready: false, reason: 'reading the store' });
  const syncer = startSyncer({
    backend,
    prefixes: watchedPrefixes(config.render.nodeName),
    onBatch: ({ updates, inSync }) => {
      for (const { key, error } of cache.apply(updates)) {
        log.warn({ key, err: error }, 'value in the store is not readable; treated as absent');
      }
      store.report(inSync ? { ready: true } : { ready: false, reason: 'reading the store' });
      if (inSync) reconciler.storeChanged();
    },
    log,
    signal,
  });
  try {
    await Promise.race([reconciler.run(), syncer.done]);
  } finally {
    link.close();
  }
}

async function printOnce(config: ConfdConfig, backend: Backend, { signal }: ServiceContext): Promise<void> {
  const cache = new ResourceCache();
  for (const prefix of watchedPrefixes(config.render.nodeName)) {
    cache.apply((await backend.list(prefix, { signal })).items);
  }
  const { config: rendered, problems } = renderBgpConfig(cache.resources(), config.render);
  for (const { subject, message } of problems) process.stderr.write(`${subject}: ${message}\n`);
  process.stdout.write(`${JSON.stringify(rendered, null, 2)}\n`);
}

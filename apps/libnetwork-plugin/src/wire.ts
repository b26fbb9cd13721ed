import { connectDatastore, Resources, type Backend } from '@calico-node/datastore';
import { Ipam } from '@calico-node/ipam';
import { resourceKey } from '@calico-node/model';
import { sleep, type Reporter, type ServiceContext } from '@calico-node/service';
import { EndpointStore } from '@calico-node/workload';
import { readConfig } from './config.ts';
import { PluginServer, type Plugin } from './http/plugin-server.ts';
import { LibraryAddresses, ServiceAddresses } from './ipam/addresses.ts';
import { ipamDriver } from './ipam/driver.ts';
import { LabelCopier } from './labels/label-copier.ts';
import { networkDriver } from './network/driver.ts';
import { EndpointGarbage } from './network/garbage.ts';
import { NetworkStore } from './network/network-store.ts';
import { registerMetrics } from './plugin-metrics.ts';

/** How long one call to the store may take. */
const storeTimeoutMs = 5000;

/** How often the store is asked whether it answers, in milliseconds: while it does, and while it does not. */
const probeMs = { healthy: 5000, failing: 1000 };

/** Serves Docker's two drivers until the signal fires. */
export async function runLibnetworkPlugin(context: ServiceContext): Promise<void> {
  const { log, signal, metrics, health } = context;
  const config = readConfig(context);
  const { node } = config;
  const backend = connectDatastore(config.datastore, { log });
  try {
    const endpoints = new EndpointStore(backend, new Resources(backend));
    const networks = new NetworkStore(new Resources(backend), endpoints);
    const ipam = new Ipam(backend, { timeoutMs: storeTimeoutMs });
    using addresses = new ServiceAddresses(config.ipamServiceSocket, node, new LibraryAddresses(ipam, node));
    await using labels =
      config.labels === undefined ? undefined : new LabelCopier({ ...config.labels, node, endpoints, log, signal });
    const onJoined = (networkId: string, endpointId: string): void => labels?.copy(networkId, endpointId);
    const garbage = new EndpointGarbage({ node, endpoints, addresses, log, graceMs: config.graceMs });
    const count = registerMetrics(metrics.registry);
    const serve = (path: string, plugin: Plugin): Promise<PluginServer> => {
      const driver = plugin.implements;
      const onCall = (method: string, seconds: number, error?: unknown): void => {
        count(driver, method, error === undefined ? 'ok' : 'error', seconds);
        if (error !== undefined) log.warn({ err: error, driver, method }, 'refused a call');
      };
      return PluginServer.listen({ path, plugin, onCall, signal });
    };
    const sockets = health.register('sockets');
    // Docker looks for the IPAM driver only once a network names it: the network driver's socket comes last.
    await using _ipam = await serve(config.ipamSocket, ipamDriver({ addresses, networks, endpoints, garbage, log }));
    const network = networkDriver({ node, config: config.network, networks, endpoints, log, onJoined });
    await using _network = await serve(config.networkSocket, network);
    sockets.report({ ready: true });
    log.info({ node, sockets: [config.networkSocket, config.ipamSocket] }, 'serving Docker');
    await Promise.all([probeStore(backend, health.register('datastore'), signal), garbage.run(signal)]);
  } finally {
    backend.close();
  }
}

/** Says whether the store answers, until the signal fires. */
async function probeStore(backend: Backend, reporter: Reporter, signal: AbortSignal): Promise<void> {
  const key = resourceKey('ClusterInformation', 'default');
  while (!signal.aborted) {
    let wait = probeMs.healthy;
    try {
      const isInitialized = (await backend.get(key, { timeoutMs: storeTimeoutMs, signal })) !== undefined;
      reporter.report({
        ready: isInitialized,
        reason: isInitialized ? '' : 'no calico-node has initialised the store',
      });
    } catch (error) {
      wait = probeMs.failing;
      reporter.report({ ready: false, reason: error instanceof Error ? error.message : String(error) });
    }
    await sleep(wait, signal);
  }
}

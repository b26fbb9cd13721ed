import { connectDatastore, loadDatastoreConfig, Resources } from '@calico-node/datastore';
import type { NodeName } from '@calico-node/net';
import { nodePaths, type ServiceContext } from '@calico-node/service';
import { bgpSource } from '../bgp/source.ts';
import { KubernetesApi } from '../kubernetes/api.ts';
import type { StartupConfig } from '../startup/startup-config.ts';
import { speaksBgp } from '../supervisor/backend.ts';
import { keepToken } from './keep-token.ts';
import { hasChangingAddresses, monitorAddresses } from './monitor-addresses.ts';
import { reportStatus } from './status/report-status.ts';
import { keepTunnels } from './tunnels/keep-tunnels.ts';

/** What goes on beside the node's processes. */
export const serviceNames = ['monitor-addresses', 'allocate-tunnel-addrs', 'status-reporter', 'monitor-token'] as const;
export type ServiceName = (typeof serviceNames)[number];

export interface ServiceFacts {
  readonly nodeName: NodeName;
  readonly config: StartupConfig;
}

/**
 * Runs the node's small services until the signal fires. They live in the supervisor's process: one of their own
 * would cost the node 30 MiB for a write now and then.
 */
export async function runServices(
  { env, log, signal, health }: ServiceContext,
  { nodeName, config }: ServiceFacts,
  names: readonly ServiceName[] = serviceNames,
): Promise<void> {
  const backend = connectDatastore(loadDatastoreConfig({ env }), { log, signal });
  const start: Readonly<Record<ServiceName, () => Promise<void>>> = {
    'monitor-addresses': async () => {
      const kubernetes = KubernetesApi.of(env);
      const registration = { name: nodeName, config, kubernetes, resources: new Resources(backend), log, signal };
      if (!hasChangingAddresses(config)) return;
      await monitorAddresses({ ...registration, pollIntervalMs: config.pollIntervalMs });
    },
    'allocate-tunnel-addrs': async () => {
      if (config.usesPodCidr) return;
      const reporter = health.register('tunnel-addresses');
      await keepTunnels({ nodeName, backend, log, signal, reporter });
    },
    'status-reporter': async () => {
      if (!speaksBgp(config.backend)) return;
      await reportStatus({ nodeName, backend, source: bgpSource(nodePaths(env), env), log, signal });
    },
    'monitor-token': async () => {
      if (config.managesCni) await keepToken({ env, hostRoot: '/host', log, signal });
    },
  };
  try {
    await Promise.all(
      names.map(async (name) => {
        try {
          await start[name]();
        } catch (error) {
          // The others go on; what is missing shows in what depends on it.
          if (!signal.aborted) log.error({ err: error, service: name }, 'service ended');
        }
      }),
    );
  } finally {
    backend.close();
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import { connectDatastore, loadDatastoreConfig, Resources } from '@calico-node/datastore';
import { Ipam } from '@calico-node/ipam';
import { accessOfEnvironment, KubernetesClient, KubernetesError } from '@calico-node/kubernetes';
import { parseNodeName } from '@calico-node/net';
import { createLogger } from '@calico-node/service';
import { migrate, type Migration } from './migrate.ts';

type Variables = Readonly<Record<string, string | undefined>>;

export type UpgradeOptions = Pick<Migration, 'directory' | 'programs' | 'settleMs'> & { readonly retryMs: number };

const calicos: UpgradeOptions = {
  directory: '/var/lib/cni/networks/k8s-pod-network',
  programs: ['/host/opt/cni/bin/calico', '/host/opt/cni/bin/host-local'],
  settleMs: 5000,
  retryMs: 1000,
};

function connectKubernetes(env: Variables): KubernetesClient {
  const access = accessOfEnvironment(env);
  if (access !== undefined) return new KubernetesClient(access);
  throw new KubernetesError('config', 'nothing says where the Kubernetes API is: set KUBECONFIG');
}

/**
 * `calico-ipam -upgrade`: takes over what `host-local` gave on the node KUBERNETES_NODE_NAME, and tries until that has
 * worked. Gives the exit code: 0 when it is done, or nothing was to do; 1 when the environment does not say enough, or the
 * signal fired.
 */
export async function runUpgrade(
  env: Variables,
  signal: AbortSignal,
  options: UpgradeOptions = calicos,
): Promise<number> {
  const log = createLogger('calico-ipam', env['CALICO_LOG_LEVEL'] ?? 'info');
  const { KUBERNETES_NODE_NAME: name = '' } = env;
  if (name === '') {
    log.error('KUBERNETES_NODE_NAME is not set: nobody knows which node’s addresses are to be taken over');
    return 1;
  }
  using resources = new DisposableStack();
  let client: KubernetesClient | undefined;
  resources.defer(() => client?.close());
  try {
    const backend = connectDatastore(loadDatastoreConfig({ env }), { log });
    resources.defer(() => {
      backend.close();
    });
    const ipam = new Ipam(backend);
    const migration: Migration = {
      ...options,
      node: parseNodeName(name),
      resources: new Resources(backend, { ipam }),
      ipam,
      openClient: () => (client ??= connectKubernetes(env)),
      log,
      signal,
    };
    for (;;) {
      try {
        await migrate(migration);
        return 0;
      } catch (error) {
        signal.throwIfAborted();
        log.error({ err: error }, 'could not take host-local’s addresses over; trying again');
      }
      await delay(options.retryMs, undefined, { signal });
    }
  } catch (error) {
    if (signal.aborted) log.error('stopped before host-local’s addresses were taken over');
    else log.error({ err: error }, 'cannot take host-local’s addresses over');
    return 1;
  }
}

import { startSyncer, Resources, type Backend } from '@calico-node/datastore';
import { Ipam, isIpamError } from '@calico-node/ipam';
import { resourceKey, resourcePrefix } from '@calico-node/model';
import type { Logger, Reporter } from '@calico-node/service';
import { untilDone } from '../keep-running.ts';
import { Wakeup } from '../wakeup.ts';
import { reconcileTunnels } from './tunnel-addresses.ts';

export interface KeepTunnelsOptions {
  readonly nodeName: string;
  readonly backend: Backend;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Told when there is no address for a tunnel. */
  readonly reporter?: Reporter;
}

/** Does what {@link reconcileTunnels} does now, and again whenever pools, the Node or Felix's settings change. */
export async function keepTunnels({ nodeName, backend, log, signal, reporter }: KeepTunnelsOptions): Promise<void> {
  const context = { nodeName, resources: new Resources(backend), ipam: new Ipam(backend), log, signal };
  const wakeup = new Wakeup();
  const syncer = startSyncer({
    backend,
    prefixes: [resourcePrefix('IPPool'), resourcePrefix('FelixConfiguration'), resourceKey('Node', nodeName)],
    onBatch: ({ inSync }) => {
      if (inSync) wakeup.call();
    },
    log,
    signal,
  });
  reporter?.report({ ready: true });
  while (!signal.aborted) {
    if (!(await wakeup.wait(signal))) continue;
    await untilDone('tunnel addresses', () => reconcileTunnels(context), {
      log,
      signal,
      onFailure: (error) => {
        if (!isIpamError(error)) return;
        const remedy = 'make the pool larger, or add one that allows tunnels; calicoctl ipam show --show-blocks';
        reporter?.report({ ready: false, reason: `no tunnel address: ${error.message}`, remedy });
      },
    });
    reporter?.report({ ready: true });
  }
  await syncer.done;
}

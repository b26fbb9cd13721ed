/*
 * From `host-local` to Calico's IPAM, as Calico's `calico-ipam -upgrade` does it: what `host-local` gave on this node is
 * assigned in IPAM, and its directory goes. Meanwhile nothing is attached: the cluster is not ready, and the plug-ins are
 * taken off the host. What is interrupted is taken up by the next run.
 */
import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { changeResource, type Resources } from '@calico-node/datastore';
import { isIpamError, type Ipam } from '@calico-node/ipam';
import type { KubernetesClient } from '@calico-node/kubernetes';
import type { ClusterInformation } from '@calico-node/model';
import type { NodeName } from '@calico-node/net';
import type { Logger } from '@calico-node/service';
import { HostLocalDirectory } from './host-local-directory.ts';
import { podsByAddress } from './pods-by-address.ts';
import { migrateTunnelAddress } from './tunnel-address.ts';

/** The name that the network has in Calico's manifests: of the directory, and in handles. */
const network = 'k8s-pod-network';

export interface Migration {
  readonly node: NodeName;
  readonly resources: Resources;
  readonly ipam: Ipam;
  readonly openClient: () => KubernetesClient;
  /** `host-local`'s, of the network. */
  readonly directory: string;
  /** The programs on the host that must not run meanwhile. */
  readonly programs: readonly string[];
  /** How long those that run already get to end. */
  readonly settleMs: number;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

function setReady({ resources, signal }: Migration, datastoreReady: boolean): Promise<void> {
  const change = (old: ClusterInformation): ClusterInformation => ({ ...old, spec: { ...old.spec, datastoreReady } });
  return changeResource(resources, 'ClusterInformation', 'default', change, { signal });
}

/** Assigns what pods have; what nobody has any more is forgotten. */
async function migrateAllocations(
  { node, ipam, openClient, log, signal }: Migration,
  directory: HostLocalDirectory,
): Promise<void> {
  const pods = await podsByAddress(openClient(), node, signal);
  for (const { ip, containerId, path } of directory.allocations()) {
    const pod = pods.get(ip);
    if (pod === undefined) log.info({ ip }, 'no pod has this address any more');
    else {
      const attributes = { node, pod: pod.name, namespace: pod.namespace };
      try {
        await ipam.assignIp({ ip, nodeName: node, handleId: `${network}.${containerId}`, attributes, signal });
        log.info({ ip, ...attributes }, 'address taken over');
      } catch (error) {
        if (!isIpamError(error, 'already-assigned')) throw error;
        log.warn({ ip, ...attributes }, 'address is assigned already');
      }
    }
    directory.forget(path);
  }
}

/** @throws DatastoreError, IpamError, KubernetesError: nothing is lost, and it may be tried again */
export async function migrate(migration: Migration): Promise<void> {
  const { node, resources, ipam, openClient, log, signal } = migration;
  const directory = new HostLocalDirectory(migration.directory);
  if (directory.isEmpty() === undefined) {
    log.info({ directory: migration.directory }, 'host-local keeps nothing here: nothing to do');
    return;
  }
  const tunnel = await migrateTunnelAddress(resources, ipam, openClient, node, signal);
  if (tunnel !== undefined) log.info({ ip: tunnel }, 'IP-in-IP tunnel address taken over');
  if (directory.isEmpty() === false) {
    await setReady(migration, false);
    for (const program of migration.programs) rmSync(program, { force: true });
    await delay(migration.settleMs, undefined, { signal });
    {
      using _lock = await directory.lock(signal);
      await migrateAllocations(migration, directory);
    }
    await setReady(migration, true);
  }
  directory.remove();
  log.info({}, 'host-local’s addresses are Calico’s now');
}

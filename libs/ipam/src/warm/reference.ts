import type { Backend, CallOptions, Guard } from '@calico-node/datastore';
import { decodeIpamConfig, decodeResource, ipamConfigKey, resourceKey, resourcePrefix } from '@calico-node/model';
import type { IpamConfig } from '@calico-node/model';
import { tryParseCidr } from '@calico-node/net';
import { toPool, type Pool } from '../pools.ts';
import { parseReservedCidrs, reservationPrefix, Reservations } from '../reservations.ts';
import { defaultIpamConfig } from '../store.ts';

/** What allocations depend on and do not change, as it was read, with the proof that it is so still. */
export interface Reference {
  readonly config: IpamConfig;
  readonly pools: readonly Pool[];
  readonly reservations: Reservations;
  /** Nothing when the node has no Node resource. */
  readonly nodeLabels: Readonly<Record<string, string>> | undefined;
  /** What must hold for an allocation from these pools to be made by this reference. */
  guards(pools: Iterable<Pool>): readonly Guard[];
}

/** Reads the settings, pools, reservations and labels that a node's allocations depend on, all at once. */
export async function loadReference(backend: Backend, nodeName: string, options: CallOptions): Promise<Reference> {
  const nodeKey = resourceKey('Node', nodeName);
  const [config, pools, reserved, node] = await Promise.all([
    backend.get(ipamConfigKey, options),
    backend.list(resourcePrefix('IPPool'), options),
    backend.list(reservationPrefix, options),
    backend.get(nodeKey, options),
  ]);
  const revisions = new Map<Pool, Guard>();
  for (const { key, value, revision } of pools.items) {
    try {
      const resource = decodeResource('IPPool', value, revision);
      if (tryParseCidr(resource.spec.cidr) !== undefined) {
        revisions.set(toPool(resource), { type: 'key', key, revision });
      }
    } catch {
      // A pool that cannot be read serves nobody.
    }
  }
  const common: readonly Guard[] = [
    { type: 'key', key: ipamConfigKey, revision: config?.revision ?? 0n },
    { type: 'key', key: nodeKey, revision: node?.revision ?? 0n },
    { type: 'prefix', prefix: reservationPrefix, unchangedSince: reserved.revision },
  ];
  return {
    config: config === undefined ? defaultIpamConfig : decodeIpamConfig(config.value),
    pools: [...revisions.keys()],
    reservations: new Reservations(reserved.items.flatMap(({ value }) => parseReservedCidrs(value))),
    nodeLabels:
      node === undefined ? undefined : (decodeResource('Node', node.value, node.revision).metadata.labels ?? {}),
    guards: (used) => [...common, ...[...new Set(used)].flatMap((pool) => revisions.get(pool) ?? [])],
  };
}

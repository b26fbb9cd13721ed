/** What Felix follows in the store, and how it comes to the calculation. */
import { startSyncer, type Backend, type Syncer } from '@calico-node/datastore';
import { blockPrefix, felixStatusKey, liveMigrationPrefix, resourcePrefix, type Kind } from '@calico-node/model';
import type { NodeName } from '@calico-node/net';
import type { ServiceContext } from '@calico-node/service';
import type { CalcGraph, StoreUpdate } from './calc/calc-graph.ts';
import type { IntentBatch } from './calc/intents.ts';
import type { LiveMigrations } from './calc/live-migrations.ts';
import type { FelixParameters } from './config/parameters.ts';
import type { ClusterServices } from './kubernetes/cluster-services.ts';
import { ServiceEndpoints } from './kubernetes/service-endpoints.ts';
import { DatastoreLock } from './status/datastore-lock.ts';
import type { StoreDelay } from './status/store-delay.ts';
import type { syncMetrics } from './sync-metrics.ts';
import { unixNanos } from './unix-nanos.ts';

/** The kinds that calc reads. */
const watchedKinds: readonly Kind[] = [
  'BGPConfiguration',
  'BGPPeer',
  'ClusterInformation',
  'FelixConfiguration',
  'GlobalNetworkPolicy',
  'GlobalNetworkSet',
  'HostEndpoint',
  'IPPool',
  'NetworkPolicy',
  'NetworkSet',
  'Node',
  'Profile',
  'StagedGlobalNetworkPolicy',
  'StagedKubernetesNetworkPolicy',
  'StagedNetworkPolicy',
  'Tier',
  'WorkloadEndpoint',
];

export interface StoreWiring {
  readonly backend: Backend;
  readonly hostname: NodeName;
  readonly values: FelixParameters;
  readonly context: Pick<ServiceContext, 'log' | 'health'>;
  readonly signal: AbortSignal;
  readonly calc: CalcGraph;
  readonly migrations: LiveMigrations;
  readonly services: ClusterServices;
  readonly storeDelay: StoreDelay;
  readonly sync: ReturnType<typeof syncMetrics>;
  /** How many seconds one calculation may take. */
  readonly calculationLimit: () => number;
  /** Whether the calculation is to hang, as a test asks. */
  readonly isHanging: () => boolean;
  /** Has each change once the calculation has taken it. */
  readonly onTaken: (update: StoreUpdate) => void;
  /** What a batch of the store's changes comes to. */
  readonly onBatch: (batch: IntentBatch, origin: BatchOrigin) => void;
}

export interface BatchOrigin {
  readonly inSync: boolean;
  /** The first that is in sync. */
  readonly isFirst: boolean;
  /** Unix time in nanoseconds. */
  readonly arrivedAt: bigint;
}

/** What the calculation took and did not give out yet. */
interface Taken {
  readonly updates: number;
  readonly revision: bigint;
  readonly inSync: boolean;
  /** Of the first of it. */
  readonly arrivedAt: bigint;
  readonly seconds: number;
}

/** Follows the store until the signal fires. */
export function wireStore(wiring: StoreWiring): Syncer {
  const { hostname, values, context, calc, migrations, services, storeDelay, sync } = wiring;
  const { log, health } = context;
  const storeHealth = health.register('datastore');
  const calcHealth = health.register('calculation', wiring.calculationLimit);
  const ownStatusKey = felixStatusKey(hostname, values.OpenstackRegion);
  const lock = new DatastoreLock(health, log);
  let wasInSync = false;
  let taken: Taken | undefined;
  const take = (more: Taken): void => {
    const { updates, revision, inSync, arrivedAt, seconds } = more;
    taken = {
      updates: updates + (taken?.updates ?? 0),
      revision,
      inSync: inSync || (taken?.inSync ?? false),
      arrivedAt: taken?.arrivedAt ?? arrivedAt,
      seconds: seconds + (taken?.seconds ?? 0),
    };
  };
  const pass = (): void => {
    if (taken === undefined || lock.isLocked || !endpoints.areKnown) return;
    const { updates, revision, inSync, arrivedAt } = taken;
    const startedAt = performance.now();
    const batch = calc.flush();
    const seconds = taken.seconds + (performance.now() - startedAt) / 1000;
    taken = undefined;
    if (inSync) calcHealth.report({ ready: true });
    // The kernel comes first.
    setImmediate(() => {
      sync.calculated({ updates, intents: batch.intents, seconds, inSync });
    });
    for (const warning of batch.warnings) log.warn({ ...warning }, 'the store holds what cannot be programmed');
    const isFirst = inSync && !wasInSync;
    wasInSync ||= inSync;
    const upTo = batch.revision > revision ? batch.revision : revision;
    wiring.onBatch({ ...batch, revision: upTo }, { inSync, isFirst, arrivedAt });
    if (isFirst) log.info({ revision: String(revision) }, 'in sync with the store');
  };
  const endpoints = new ServiceEndpoints({
    services,
    calc,
    health,
    log,
    onChange: (slices) => {
      if (slices > 0)
        take({ updates: slices, revision: calc.revision, inSync: wasInSync, arrivedAt: unixNanos(), seconds: 0 });
      pass();
    },
  });
  return startSyncer({
    backend: wiring.backend,
    prefixes: [
      ...watchedKinds.map((kind) => resourcePrefix(kind)),
      ...(values.RouteSource === 'CalicoIPAM' ? [blockPrefix()] : []),
      liveMigrationPrefix,
      ownStatusKey,
    ],
    // Policies that were stored before an endpoint are to be there before it is.
    inOrder: true,
    log,
    signal: wiring.signal,
    onConnection: ({ connected, reason }) => {
      storeHealth.report({ ready: connected, reason });
      sync.connected(connected);
    },
    onBatch: ({ updates: all, revision, inSync }) => {
      const arrivedAt = unixNanos();
      for (const { key, value } of all) if (key === ownStatusKey) storeDelay.arrived(value, inSync && wasInSync);
      const updates = all.filter(({ key }) => key !== ownStatusKey);
      if (updates.length === 0 && all.length > 0 && wasInSync) return;
      const work = calcHealth.work();
      // Work that never ends.
      if (wiring.isHanging()) return;
      const startedAt = performance.now();
      for (const update of updates) {
        calc.update(update);
        wiring.onTaken(update);
        migrations.update(update);
        lock.update(update);
      }
      if (inSync) calc.onInSync();
      const seconds = (performance.now() - startedAt) / 1000;
      take({ updates: updates.length, revision, inSync, arrivedAt, seconds });
      pass();
      work[Symbol.dispose]();
    },
  });
}

import { Counter, Gauge, Summary, type Registry } from 'prom-client';
import type { Intent } from './calc/intents.ts';
import { metricsSince } from './metrics-since.ts';
import { summaryQuantiles } from './summary-quantiles.ts';

/** What one batch of the store's updates came to. */
export interface CalculatedBatch {
  readonly updates: number;
  readonly intents: readonly Intent[];
  /** What the calculation took. */
  readonly seconds: number;
  readonly inSync: boolean;
}

/** Felix's own numbers for how far it is with the store. */
const syncStates = { waiting: 1, resyncing: 2, inSync: 3 } as const;

/** What passes from the store through the calculation to the data plane; the metrics leave the registry when disposed of. */
export function syncMetrics(
  registry: Registry,
  hostname: string,
): Disposable & { calculated(batch: CalculatedBatch): void; connected(isConnected: boolean): void } {
  const registers = [registry];
  const added = metricsSince(registry);
  const host = new Gauge({
    name: 'felix_host',
    help: 'The name of this host, as a label.',
    labelNames: ['host'],
    registers,
  });
  const state = new Gauge({
    name: 'felix_resync_state',
    help: 'How far Felix is with the store: 1 waits for it, 2 reads it, 3 in sync.',
    registers,
  });
  const resyncs = new Counter({
    name: 'felix_resyncs_started',
    help: 'How often reading the store was begun anew.',
    registers,
  });
  const updates = new Counter({
    name: 'felix_calc_graph_updates_processed',
    help: 'Updates of the store that were calculated with.',
    registers,
  });
  const events = new Counter({
    name: 'felix_calc_graph_output_events',
    help: 'Changes that the calculation asked of the data plane.',
    registers,
  });
  const duration = new Summary({
    percentiles: [...summaryQuantiles],
    name: 'felix_calc_graph_update_time_seconds',
    help: 'Time to calculate with one batch of updates.',
    registers,
  });
  const messages = new Counter({
    name: 'felix_int_dataplane_messages',
    help: 'Changes given to the data plane, by type.',
    labelNames: ['type'],
    registers,
  });
  const batches = new Summary({
    percentiles: [...summaryQuantiles],
    name: 'felix_int_dataplane_msg_batch_size',
    help: 'Changes in one batch for the data plane.',
    registers,
  });
  host.set({ host: hostname }, 1);
  state.set(syncStates.waiting);
  let isConnected = false;
  let isInSync = false;
  return {
    connected: (next) => {
      if (next && !isConnected) resyncs.inc();
      isConnected = next;
      state.set(!next ? syncStates.waiting : isInSync ? syncStates.inSync : syncStates.resyncing);
    },
    calculated: (batch) => {
      const { intents } = batch;
      updates.inc(batch.updates);
      events.inc(intents.length);
      duration.observe(batch.seconds);
      if (batch.inSync && !isInSync) state.set(syncStates.inSync);
      isInSync = batch.inSync;
      if (intents.length > 0) batches.observe(intents.length);
      for (const { type } of intents) messages.inc({ type });
    },
    [Symbol.dispose]: () => {
      added[Symbol.dispose]();
    },
  };
}

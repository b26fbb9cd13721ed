import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { syncMetrics } from './sync-metrics.ts';

test('tells how far it is with the store, and what it gave to the data plane', async () => {
  const registry = new Registry();
  const read = async (name: string) => (await registry.getSingleMetric(name)?.get())?.values[0]?.value;
  {
    using metrics = syncMetrics(registry, 'node1');
    expect(await read('felix_resync_state')).toBe(1);
    metrics.connected(true);
    metrics.calculated({ updates: 7, intents: [], seconds: 0.1, inSync: false });
    expect(await read('felix_resync_state')).toBe(2);
    metrics.calculated({ updates: 2, intents: [{ type: 'in-sync' }], seconds: 0.1, inSync: true });
    expect(await read('felix_resync_state')).toBe(3);
    metrics.connected(false);
    expect(await read('felix_resync_state')).toBe(1);
    metrics.connected(true);
    expect(await read('felix_resync_state')).toBe(3);
    expect(await read('felix_resyncs_started')).toBe(2);
    expect(await read('felix_calc_graph_updates_processed')).toBe(9);
    expect(await read('felix_int_dataplane_messages')).toBe(1);
    const quantiles = (await registry.metrics()).match(/update_time_seconds\{quantile="[^"]+"\}/g);
    expect(quantiles).toEqual(['0.5', '0.9', '0.99'].map((each) => `update_time_seconds{quantile="${each}"}`));
  }
  expect(registry.getMetricsAsArray()).toEqual([]);
});

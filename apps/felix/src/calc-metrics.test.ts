import { parseNodeName } from '@calico-node/net';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { CalcGraph } from './calc/calc-graph.ts';
import { stored, storedEndpoint } from './calc/testing/resources.ts';
import { calcMetrics } from './calc-metrics.ts';

test('policies are counted, staged ones apart, and those that this host needs', async () => {
  const registry = new Registry();
  const graph = new CalcGraph({ hostname: parseNodeName('node1') });
  const read = async (name: string) => (await registry.getSingleMetric(name)?.get())?.values[0]?.value;
  {
    using _metrics = calcMetrics(registry, () => graph.counts);
    const spec = {
      types: ['Ingress' as const],
      ingress: [{ action: 'Allow' as const, source: { selector: "app == 'c'" } }],
    };
    graph.update(storedEndpoint({ workload: 'w', labels: { app: 'a' } }));
    graph.update(stored('GlobalNetworkPolicy', { name: 'here' }, { ...spec, selector: "app == 'a'" }));
    graph.update(stored('GlobalNetworkPolicy', { name: 'elsewhere' }, { ...spec, selector: "app == 'b'" }));
    graph.update(stored('StagedGlobalNetworkPolicy', { name: 'trial' }, { stagedAction: 'Set', ...spec }));
    graph.update(stored('Tier', { name: 'default' }, {}));
    graph.onInSync();
    graph.flush();
    expect(await read('felix_cluster_num_policies')).toBe(2);
    expect(await read('felix_active_local_policies')).toBe(1);
    expect(await read('felix_cluster_num_staged_policies')).toBe(1);
    expect(await read('felix_cluster_num_tiers')).toBe(1);
    expect(await read('felix_cluster_num_workload_endpoints')).toBe(1);
    expect(await read('felix_cluster_num_hosts')).toBe(0);
    expect(await read('felix_active_local_selectors')).toBe(1);
    const text = async (): Promise<readonly string[]> => (await registry.metrics()).split('\n');
    expect(await text()).toEqual(
      expect.arrayContaining([
        'felix_label_index_num_active_selectors{optimized="true"} 1',
        'felix_label_index_num_active_selectors{optimized="false"} 0',
        'felix_label_index_selector_evals{result="true"} 0',
        'felix_label_index_strategy_evals{strategy="endpoint-single-value"} 1',
      ]),
    );
    const all = { ...spec, ingress: [{ action: 'Allow' as const, source: { selector: '!has(x)' } }] };
    graph.update(stored('GlobalNetworkPolicy', { name: 'all' }, { ...all, selector: "app == 'a'" }));
    graph.update(storedEndpoint({ workload: 'x', labels: { app: 'c', x: '' } }));
    graph.flush();
    expect(await text()).toEqual(
      expect.arrayContaining([
        'felix_label_index_num_active_selectors{optimized="false"} 1',
        'felix_label_index_selector_evals{result="true"} 2',
        'felix_label_index_selector_evals{result="false"} 1',
        'felix_label_index_strategy_evals{strategy="endpoint-full-scan"} 1',
      ]),
    );
  }
  expect(registry.getMetricsAsArray()).toEqual([]);
});

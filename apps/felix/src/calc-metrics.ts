import { Gauge, type Registry } from 'prom-client';
import type { CalcCounts } from './calc/calc-graph.ts';

interface CalcGauge {
  readonly name: string;
  readonly help: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly count: keyof CalcCounts;
}

const gauges: readonly CalcGauge[] = [
  { name: 'felix_cluster_num_policies', help: 'Policies in the store, without staged ones.', count: 'policies' },
  { name: 'felix_cluster_num_staged_policies', help: 'Staged policies in the store.', count: 'stagedPolicies' },
  { name: 'felix_cluster_num_profiles', help: 'Profiles in the store, and the built-in one.', count: 'profiles' },
  { name: 'felix_cluster_num_tiers', help: 'Tiers in the store.', count: 'tiers' },
  { name: 'felix_cluster_num_hosts', help: 'Nodes in the store.', count: 'hosts' },
  {
    name: 'felix_cluster_num_workload_endpoints',
    help: 'Workload endpoints in the store.',
    count: 'workloadEndpoints',
  },
  { name: 'felix_cluster_num_host_endpoints', help: 'Host endpoints in the store.', count: 'hostEndpoints' },
  {
    name: 'felix_label_index_num_endpoints',
    help: 'Endpoints and network sets that selectors can select.',
    count: 'selectable',
  },
  {
    name: 'felix_label_index_num_active_selectors',
    help: 'Selectors that the label index follows; all by the labels that they ask for.',
    labels: { optimized: 'true' },
    count: 'activeSelectors',
  },
  {
    name: 'felix_active_local_selectors',
    help: 'Selectors in rules that are programmed on this host.',
    count: 'activeSelectors',
  },
  { name: 'felix_active_local_policies', help: 'Policies that are programmed on this host.', count: 'activePolicies' },
];

/** What the calculation graph holds, under Felix's names where Felix has them; the gauges leave the registry when disposed of. */
export function calcMetrics(registry: Registry, counts: () => CalcCounts): Disposable {
  for (const { name, help, labels = {}, count } of gauges) {
    new Gauge({
      name,
      help,
      labelNames: Object.keys(labels),
      registers: [registry],
      collect() {
        this.set(labels, counts()[count]);
      },
    });
  }
  return {
    [Symbol.dispose]: () => {
      for (const { name } of gauges) registry.removeSingleMetric(name);
    },
  };
}

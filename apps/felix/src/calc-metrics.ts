import { Counter, Gauge, type Registry } from 'prom-client';
import type { CalcCounts } from './calc/calc-counts.ts';
import { metricsSince } from './metrics-since.ts';

interface CalcGauge {
  readonly name: string;
  readonly help: string;
  readonly count: Exclude<keyof CalcCounts, 'matching'>;
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
    name: 'felix_active_local_selectors',
    help: 'Selectors in rules that are programmed on this host.',
    count: 'activeSelectors',
  },
  { name: 'felix_active_local_policies', help: 'Policies that are programmed on this host.', count: 'activePolicies' },
];

/** What the calculation graph holds, under Felix's names where Felix has them; the metrics leave the registry when disposed of. */
export function calcMetrics(registry: Registry, counts: () => CalcCounts): Disposable {
  const registers = [registry];
  const added = metricsSince(registry);
  for (const { name, help, count } of gauges) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(counts()[count]);
      },
    });
  }
  new Gauge({
    name: 'felix_label_index_num_active_selectors',
    help: 'Selectors that the label index follows, by whether it knows what they could select by a label that they ask for.',
    labelNames: ['optimized'],
    registers,
    collect() {
      const { activeSelectors, unfiledSelectors } = counts();
      this.set({ optimized: 'true' }, activeSelectors - unfiledSelectors);
      this.set({ optimized: 'false' }, unfiledSelectors);
    },
  });
  new Counter({
    name: 'felix_label_index_selector_evals',
    help: 'Selectors asked whether they select endpoints or network sets with certain labels, by the answer.',
    labelNames: ['result'],
    registers,
    collect() {
      const { matched, unmatched } = counts().matching;
      this.reset();
      this.inc({ result: 'true' }, matched);
      this.inc({ result: 'false' }, unmatched);
    },
  });
  new Counter({
    name: 'felix_label_index_strategy_evals',
    help: 'Searches for what a new selector selects, by how much had to be looked at.',
    labelNames: ['strategy'],
    registers,
    collect() {
      this.reset();
      for (const [scan, times] of Object.entries(counts().matching.scans))
        this.inc({ strategy: `endpoint-${scan}` }, times);
    },
  });
  return {
    [Symbol.dispose]: () => {
      added[Symbol.dispose]();
    },
  };
}

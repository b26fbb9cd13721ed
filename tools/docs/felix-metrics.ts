import { parseNodeName } from '@calico-node/net';
import { Registry } from 'prom-client';
import { CalcGraph } from '../../apps/felix/src/calc/calc-graph.ts';
import { calcMetrics } from '../../apps/felix/src/calc-metrics.ts';
import { dataplaneMetrics } from '../../apps/felix/src/dataplane/metrics.ts';
import { syncMetrics } from '../../apps/felix/src/sync-metrics.ts';
import { cell, code } from './reference-page.ts';

/** Felix's metrics, as Markdown, as it registers them. */
export function renderFelixMetrics(): string {
  const nftables = metricsWith('nftables');
  const iptables = metricsWith('iptables');
  const rows = [...new Map([...nftables, ...iptables])]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { type, help }]) => {
      const when = !iptables.has(name) ? 'nftables' : nftables.has(name) ? 'always' : 'iptables';
      return `| ${[code(name), type, when, help].map(cell).join(' | ')} |`;
    });
  return [
    "# Felix's metrics",
    "Names are Calico's where Calico has the metric. `felix_apply_latency_seconds`, `felix_kernel_writes`, `felix_cluster_num_staged_policies` and those that end in `_repairs` are not in Calico. They are served by `/metrics`, beside those of the process (`process_`, `nodejs_`).",
    ['| Name | Type | With the packet filter | Meaning |', '| --- | --- | --- | --- |', ...rows].join('\n'),
    'This page is made from what Felix registers by `node tools/docs/generate-reference.ts`.',
  ]
    .join('\n\n')
    .concat('\n');
}

function metricsWith(packetFilter: 'nftables' | 'iptables'): ReadonlyMap<string, { type: string; help: string }> {
  const registry = new Registry();
  const hostname = parseNodeName('node');
  const none = (): number => 0;
  const counts = () => ({ chains: 0, rules: 0, sets: 0 });
  using _sync = syncMetrics(registry, hostname);
  using _calc = calcMetrics(registry, () => new CalcGraph({ hostname }).counts);
  using _dataplane = dataplaneMetrics(registry, {
    packetFilter,
    localEndpoints: none,
    counts,
    routes: none,
    writes: none,
    repairs: none,
    bandwidthRepairs: none,
  });
  return new Map(registry.getMetricsAsArray().map(({ name, type, help }) => [name, { type: String(type), help }]));
}

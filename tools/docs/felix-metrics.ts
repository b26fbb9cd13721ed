import { parseNodeName } from '@calico-node/net';
import { Registry } from 'prom-client';
import { CalcGraph } from '../../apps/felix/src/calc/calc-graph.ts';
import { calcMetrics } from '../../apps/felix/src/calc-metrics.ts';
import { flowMetrics } from '../../apps/felix/src/dataplane/flow-offload/flow-metrics.ts';
import { dataplaneMetrics } from '../../apps/felix/src/dataplane/metrics.ts';
import { packetLogMetrics } from '../../apps/felix/src/flow-logs/packet-log-metrics.ts';
import { wireguardMetrics } from '../../apps/felix/src/dataplane/wireguard/wireguard-metrics.ts';
import { logMetrics } from '../../apps/felix/src/log-metrics.ts';
import { syncMetrics } from '../../apps/felix/src/sync-metrics.ts';
import { cell, code } from './reference-page.ts';

/** Calico's metrics that Felix here does not have, by the reason. */
const absent: readonly (readonly [reason: string, ...names: readonly string[]])[] = [
  ['no eBPF data plane', 'felix_bpf_*'],
  [
    "they are of the queues, caches and aggregates between the threads that Calico's flow logs have, and these have not",
    'felix_collector_*',
    'felix_nflog_aggregates_*',
    'felix_nflog_block_time_seconds',
    'felix_nflog_netlink_messages_received',
  ],
];

const latency = `\`felix_apply_latency_seconds\` counts from the write of a change to the store until the kernel has it. The store keeps no time for a revision, and clocks of hosts differ. So Felix measures from the change's arrival, the calculation included, and adds the time that its own last report (\`status\`, every \`ReportingIntervalSecs\`) took to the store and back on the stream that all changes come on, which is \`felix_store_delay_seconds\`: the result is too long by the report's own way to the store, and never too short by more than the delay has grown since. Until the second report, and with \`ReportingIntervalSecs\` 0, nothing is added.`;

/** Felix's metrics, as Markdown, as it registers them. */
export function renderFelixMetrics(): string {
  const nftables = metricsWith('nftables');
  const iptables = metricsWith('iptables');
  const rows = [...new Map([...nftables, ...iptables])]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { type, labels, help }]) => {
      const when = !iptables.has(name) ? 'nftables' : nftables.has(name) ? 'always' : 'iptables';
      return `| ${[code(name), type, labels.map(code).join(', '), when, help].map(cell).join(' | ')} |`;
    });
  return [
    "# Felix's metrics",
    "Names and labels are Calico's where Calico has the metric. `felix_apply_latency_seconds`, `felix_store_delay_seconds`, `felix_kernel_writes`, `felix_cluster_num_staged_policies`, `felix_xdp_dropped_packets` and those that end in `_repairs` are not in Calico. They are served by `/metrics`, beside those of the process (`process_`, `nodejs_`). Those that begin with `wireguard_` are there where WireGuard is switched on and `PrometheusWireGuardMetricsEnabled` is not off, those with `flowtable` where `NFTablesFlowTableOffload` is `All`, those with `nflog` where there are flow logs.",
    ['| Name | Type | Labels | With the packet filter | Meaning |', '| --- | --- | --- | --- | --- |', ...rows].join(
      '\n',
    ),
    '## How long a change takes',
    latency,
    "## Calico's metrics that are not here",
    [
      '| Name | Why |',
      '| --- | --- |',
      ...absent.map(([reason, ...names]) => `| ${names.map(code).join(', ')} | ${cell(reason)} |`),
    ].join('\n'),
    'This page is made from what Felix registers by `node tools/docs/generate-reference.ts`.',
  ]
    .join('\n\n')
    .concat('\n');
}

interface MetricText {
  readonly type: string;
  readonly labels: readonly string[];
  readonly help: string;
}

function metricsWith(packetFilter: 'nftables' | 'iptables'): ReadonlyMap<string, MetricText> {
  const registry = new Registry();
  const hostname = parseNodeName('node');
  const none = (): number => 0;
  const counts = () => ({ chains: 0, rules: 0, sets: 0, tables: [], families: [] });
  using _sync = syncMetrics(registry, hostname);
  using _calc = calcMetrics(registry, () => new CalcGraph({ hostname }).counts);
  using _dataplane = dataplaneMetrics(registry, {
    packetFilter,
    localEndpoints: none,
    counts,
    routes: none,
    interfaces: none,
    writes: none,
    repairs: none,
    routeRepairs: none,
    networkRepairs: none,
    bandwidthRepairs: none,
    xdpRepairs: none,
    xdpDrops: () => [],
    storeDelaySeconds: none,
  });
  using _log = logMetrics(registry);
  using _packets = packetLogMetrics(registry);
  using _flows = packetFilter === 'nftables' ? flowMetrics(registry, { deviceCount: 0, missingCount: 0 }) : undefined;
  using _wireguard = wireguardMetrics(registry, hostname, () => []);
  return new Map(
    registry.getMetricsAsArray().map((metric) => {
      const { name, type, help } = metric;
      return [name, { type: String(type), labels: labelNamesOf(metric), help }];
    }),
  );
}

/** They are there, though the library's types do not tell of them. */
function labelNamesOf(metric: object): readonly string[] {
  return 'labelNames' in metric && Array.isArray(metric.labelNames) ? metric.labelNames.map(String) : [];
}

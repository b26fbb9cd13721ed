import { Counter, Gauge, Histogram, Summary, type Registry } from 'prom-client';
import type { EngineMetrics } from './engine.ts';
import { metricsSince } from '../metrics-since.ts';
import { summaryQuantiles } from '../summary-quantiles.ts';
import { filterMetrics, type FilterMetric } from './filter-metrics.ts';
import type { PolicyCounts } from './policy-driver.ts';

/** What is measured when metrics are read. */
export interface Measured {
  /** Which packet filter `counts` and `repairs` are of: it names their metrics. */
  readonly packetFilter: 'nftables' | 'iptables';
  localEndpoints(): number;
  counts(): PolicyCounts;
  routes(): number;
  interfaces(): number;
  writes(): number;
  repairs(): number;
  routeRepairs(): number;
  networkRepairs(): number;
  bandwidthRepairs(): number;
  xdpRepairs(): number;
  xdpDrops(): readonly { readonly interfaceName: string; readonly packets: number }[];
  /** See `StoreDelay`. */
  storeDelaySeconds(): number;
}

/** What is told of when it happens. */
export interface DataplaneMetrics extends EngineMetrics, Disposable {
  /** A program of iptables was started, which took so long. */
  readonly programStarted: (micros: number) => void;
  /** Interfaces and routes were listed. */
  readonly routesListed: (seconds: number) => void;
}

/** The one that Felix has its routes in, as a label. */
const mainTable = { table: 'main' };

/** The dataplane's metrics, under Felix's names where Felix has them; they leave the registry when disposed of. */
export function dataplaneMetrics(registry: Registry, measured: Measured): DataplaneMetrics {
  const registers = [registry];
  const added = metricsSince(registry);
  const lookUp = (metric: Omit<FilterMetric, 'read'>, read: () => ReturnType<FilterMetric['read']>): void => {
    const { name, help, type, labels = [] } = metric;
    const options = { name, help, labelNames: labels, registers };
    if (type === 'gauge') {
      new Gauge({
        ...options,
        collect() {
          this.reset();
          for (const { labels: values = {}, value } of read()) this.set(values, value);
        },
      });
      return;
    }
    new Counter({
      ...options,
      collect() {
        this.reset();
        for (const { labels: values = {}, value } of read()) this.inc(values, value);
      },
    });
  };
  const gauge = (name: string, help: string, read: () => number): void => {
    lookUp({ name, help, type: 'gauge' }, () => [{ value: read() }]);
  };
  const counter = (name: string, help: string, read: () => number): void => {
    lookUp({ name, help, type: 'counter' }, () => [{ value: read() }]);
  };
  const ofMainTable = (name: string, help: string, read: () => number): void => {
    lookUp({ name, help, type: 'gauge', labels: ['table'] }, () => [{ labels: mainTable, value: read() }]);
  };
  for (const metric of filterMetrics[measured.packetFilter]) lookUp(metric, () => metric.read(measured.counts()));
  gauge(
    'felix_active_local_endpoints',
    'Workload endpoints that are programmed on this host, and its host endpoints.',
    () => measured.localEndpoints(),
  );
  ofMainTable('felix_route_table_num_routes', 'Routes over workload interfaces in the kernel.', () =>
    measured.routes(),
  );
  ofMainTable('felix_route_table_num_ifaces', 'Workload interfaces that there are.', () => measured.interfaces());
  gauge('felix_kernel_writes', 'Requests for a change sent to the kernel since start.', () => measured.writes());
  gauge(
    'felix_store_delay_seconds',
    "How long Felix's last report took to the store and back: no less than what a change takes from the store here.",
    () => measured.storeDelaySeconds(),
  );
  const prefix = measured.packetFilter === 'nftables' ? 'felix_nft' : 'felix_iptables';
  counter(`${prefix}_repairs`, "Foreign changes to Felix's tables that were put right.", () => measured.repairs());
  counter(
    'felix_route_table_repairs',
    "Foreign changes to workloads' routes, neighbours and interface settings, or to the host's routing, that were put right.",
    () => measured.routeRepairs(),
  );
  counter(
    'felix_tunnel_repairs',
    'Foreign changes to tunnels, to routes to other nodes, and to what the host answers for on its links, that were put right.',
    () => measured.networkRepairs(),
  );
  counter('felix_bandwidth_repairs', 'Foreign changes to bandwidth limits that were put right.', () =>
    measured.bandwidthRepairs(),
  );
  counter('felix_xdp_repairs', 'Foreign changes to XDP programs and their maps that were put right.', () =>
    measured.xdpRepairs(),
  );
  const xdpDrops = {
    name: 'felix_xdp_dropped_packets',
    help: "Packets that XDP has dropped since the interface's program was put there: the packet filter never saw them.",
    type: 'counter',
    labels: ['iface'],
  } as const;
  lookUp(xdpDrops, () =>
    measured.xdpDrops().map(({ interfaceName, packets }) => ({ labels: { iface: interfaceName }, value: packets })),
  );
  const summary = (name: string, help: string): Summary =>
    new Summary({ name, help, percentiles: [...summaryQuantiles], registers });
  const applySeconds = summary('felix_int_dataplane_apply_time_seconds', 'Time for one apply of the dataplane.');
  const addressBatches = summary(
    'felix_int_dataplane_addr_msg_batch_size',
    'Interfaces of the host that had other addresses, at once.',
  );
  const interfaceBatches = summary(
    'felix_int_dataplane_iface_msg_batch_size',
    'Interfaces of the host that came, went or changed, at once.',
  );
  // Never observed: the kernel tells of what changes at one interface.
  summary(
    'felix_route_table_partial_resync_seconds',
    "Time to list one interface's routes alone, which is never done.",
  );
  const conntrackWaits = summary(
    'felix_route_table_conntrack_wait_seconds',
    'Time that an apply waited until connections of withdrawn addresses were forgotten.',
  );
  const routesListed = summary('felix_route_table_resync_seconds', 'Time to list all interfaces and routes.');
  const execMicros =
    measured.packetFilter === 'iptables'
      ? summary('felix_exec_time_micros', 'Time to start a program of iptables.')
      : undefined;
  const firstApply = new Gauge({
    name: 'felix_int_dataplane_initial_resync_time_seconds',
    help: 'Time for the first apply that succeeded; 0 before.',
    registers,
  });
  const failures = new Counter({
    name: 'felix_int_dataplane_failures',
    help: 'Applies that failed and were tried again.',
    registers,
  });
  const latency = new Histogram({
    name: 'felix_apply_latency_seconds',
    help: 'From the write of the oldest change of an apply to the store, to its being in the kernel: from its arrival in Felix, and felix_store_delay_seconds for the way there.',
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
    registers,
  });
  let isFirst = true;
  return {
    applied: (seconds) => {
      applySeconds.observe(seconds);
      if (isFirst) firstApply.set(seconds);
      isFirst = false;
    },
    failed: () => {
      failures.inc();
    },
    hostAddresses: (count) => {
      addressBatches.observe(count);
    },
    hostInterfaces: (count) => {
      interfaceBatches.observe(count);
    },
    waitedForConnections: (seconds) => {
      conntrackWaits.observe(seconds);
    },
    latency: (seconds) => {
      latency.observe(measured.storeDelaySeconds() + seconds);
    },
    programStarted: (micros) => {
      execMicros?.observe(micros);
    },
    routesListed: (seconds) => {
      routesListed.observe(seconds);
    },
    [Symbol.dispose]: () => {
      added[Symbol.dispose]();
    },
  };
}

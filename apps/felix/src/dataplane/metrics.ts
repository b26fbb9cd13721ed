import { Counter, Gauge, Histogram, Summary, type Registry } from 'prom-client';
import type { EngineMetrics } from './engine.ts';
import type { PolicyCounts, ProgramCounts } from './policy-driver.ts';

/** What is measured when metrics are read. */
export interface Measured {
  /** Which packet filter `counts` and `repairs` are of: it names their metrics. */
  readonly packetFilter: 'nftables' | 'iptables';
  localEndpoints(): number;
  counts(): PolicyCounts;
  routes(): number;
  writes(): number;
  repairs(): number;
  bandwidthRepairs(): number;
}

const filterNames = {
  nftables: { prefix: 'felix_nft', sets: 'felix_nft_sets' },
  iptables: { prefix: 'felix_iptables', sets: 'felix_ipsets_calico' },
} as const;

const programCounters: readonly {
  readonly name: string;
  readonly help: string;
  readonly read: (counts: ProgramCounts) => number;
}[] = [
  {
    name: 'felix_iptables_restore_calls',
    help: 'Runs of iptables-restore.',
    read: ({ restoreCalls }) => restoreCalls,
  },
  {
    name: 'felix_iptables_restore_errors',
    help: 'Runs of iptables-restore that failed.',
    read: ({ restoreErrors }) => restoreErrors,
  },
  { name: 'felix_iptables_save_calls', help: 'Runs of iptables-save.', read: ({ saveCalls }) => saveCalls },
  {
    name: 'felix_iptables_save_errors',
    help: 'Runs of iptables-save that failed.',
    read: ({ saveErrors }) => saveErrors,
  },
  {
    name: 'felix_iptables_lines_executed',
    help: 'Lines that iptables-restore was given.',
    read: ({ linesExecuted }) => linesExecuted,
  },
];

/** The dataplane's metrics, under Felix's names where Felix has them; they leave the registry when disposed of. */
export function dataplaneMetrics(registry: Registry, measured: Measured): EngineMetrics & Disposable {
  const registers = [registry];
  const before = new Set(registry.getMetricsAsArray().map(({ name }) => name));
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  const counter = (name: string, help: string, read: () => number): void => {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  };
  gauge('felix_active_local_endpoints', 'Active workload endpoints on this host.', () => measured.localEndpoints());
  const { prefix, sets } = filterNames[measured.packetFilter];
  gauge(`${prefix}_chains`, 'Chains in the kernel.', () => measured.counts().chains);
  gauge(`${prefix}_rules`, 'Rules in the kernel.', () => measured.counts().rules);
  gauge(sets, 'Sets in the kernel.', () => measured.counts().sets);
  gauge('felix_route_table_num_routes', 'Routes over workload interfaces in the kernel.', () => measured.routes());
  gauge('felix_kernel_writes', 'Requests for a change sent to the kernel since start.', () => measured.writes());
  for (const { name, help, read } of measured.packetFilter === 'iptables' ? programCounters : []) {
    counter(name, help, () => {
      const { programs } = measured.counts();
      return programs === undefined ? 0 : read(programs);
    });
  }
  counter(`${prefix}_repairs`, "Foreign changes to Felix's tables that were put right.", () => measured.repairs());
  counter('felix_bandwidth_repairs', 'Foreign changes to bandwidth limits that were put right.', () =>
    measured.bandwidthRepairs(),
  );
  const applySeconds = new Summary({
    name: 'felix_int_dataplane_apply_time_seconds',
    help: 'Time for one apply of the dataplane.',
    registers,
  });
  const failures = new Counter({
    name: 'felix_int_dataplane_failures',
    help: 'Applies that failed and were tried again.',
    registers,
  });
  const latency = new Histogram({
    name: 'felix_apply_latency_seconds',
    help: 'From the arrival of a store revision to its being in the kernel.',
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
    registers,
  });
  return {
    applied: (seconds) => {
      applySeconds.observe(seconds);
    },
    failed: () => {
      failures.inc();
    },
    latency: (seconds) => {
      latency.observe(seconds);
    },
    [Symbol.dispose]: () => {
      for (const { name } of registry.getMetricsAsArray()) if (!before.has(name)) registry.removeSingleMetric(name);
    },
  };
}

import { Gauge, type Registry } from 'prom-client';

const gauges = {
  felix_nft_flowtable_devices: 'Interfaces that the flow table is at.',
  felix_nft_flowtable_missing_devices:
    'Interfaces of workloads that the flow table is to be at and that are not there.',
} as const;

/** The flow table's metrics, under Calico's names; read when they are asked for. They leave the registry when disposed of. */
export function flowMetrics(
  registry: Registry,
  table: { readonly deviceCount: number; readonly missingCount: number },
): Disposable {
  for (const [name, help] of Object.entries(gauges)) {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(name === 'felix_nft_flowtable_devices' ? table.deviceCount : table.missingCount);
      },
    });
  }
  return {
    [Symbol.dispose]: () => {
      for (const name of Object.keys(gauges)) registry.removeSingleMetric(name);
    },
  };
}

import type { Registry } from 'prom-client';

/** Disposed of, it takes away the metrics that were registered since it was made. */
export function metricsSince(registry: Registry): Disposable {
  const before = new Set(registry.getMetricsAsArray().map(({ name }) => name));
  return {
    [Symbol.dispose]: () => {
      for (const { name } of registry.getMetricsAsArray()) if (!before.has(name)) registry.removeSingleMetric(name);
    },
  };
}

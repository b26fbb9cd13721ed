import { collectDefaultMetrics, Registry } from 'prom-client';

/** A process's Prometheus metrics. One per process, handed to what counts. */
export class Metrics {
  readonly registry = new Registry();

  /** Adds the Node.js process metrics (CPU, memory, event loop delay, garbage collection). */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.registry });
  }

  /** What Prometheus reads: all metrics, or those whose names are shown. */
  async text(isShown?: (metric: string) => boolean): Promise<string> {
    if (isShown === undefined) return this.registry.metrics();
    const names = this.registry.getMetricsAsArray().map(({ name }) => name);
    const texts = names.filter(isShown).map((name) => this.registry.getSingleMetricAsString(name));
    return `${(await Promise.all(texts)).join('\n\n')}\n`;
  }
}

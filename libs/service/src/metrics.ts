import { collectDefaultMetrics, Registry } from 'prom-client';

/** A process's Prometheus metrics. One per process, handed to what counts. */
export class Metrics {
  readonly registry = new Registry();

  /** Adds the Node.js process metrics (CPU, memory, event loop delay, garbage collection). */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.registry });
  }
}

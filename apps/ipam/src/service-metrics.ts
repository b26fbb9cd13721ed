import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What the service counts. */
export interface ServiceMetrics {
  /** One call ended with a gRPC code (`OK` or another), after a time in seconds. */
  ended(method: string, code: string, seconds: number): void;
  /** One call was served from the node's own blocks in memory, or from the store. */
  served: (how: 'memory' | 'store') => void;
}

export function registerMetrics(registry: Registry, queueLength: () => number): ServiceMetrics {
  const requests = new Counter({
    name: 'ipam_requests_total',
    help: 'calls by method and gRPC code',
    labelNames: ['method', 'code'],
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'ipam_request_duration_seconds',
    help: 'time of a call, waiting included',
    labelNames: ['method'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  const served = new Counter({
    name: 'ipam_served_total',
    help: 'calls by where what they needed was read: from memory, or from the store',
    labelNames: ['from'],
    registers: [registry],
  });
  const queue: Gauge = new Gauge({
    name: 'ipam_queue_length',
    help: 'calls that wait or run',
    registers: [registry],
    collect: () => {
      queue.set(queueLength());
    },
  });
  return {
    ended: (method, code, seconds) => {
      requests.inc({ method, code });
      duration.observe({ method }, seconds);
    },
    served: (from) => {
      served.inc({ from });
    },
  };
}

import { Counter, Histogram, type Registry } from 'prom-client';

/** Counts one ended call of a driver. */
export type CountCall = (driver: string, method: string, result: 'ok' | 'error', seconds: number) => void;

export function registerMetrics(registry: Registry): CountCall {
  const requests = new Counter({
    name: 'libnetwork_requests_total',
    help: "Docker's calls by driver, method and result",
    labelNames: ['driver', 'method', 'result'],
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'libnetwork_request_duration_seconds',
    help: "time of one of Docker's calls",
    labelNames: ['driver', 'method'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  return (driver, method, result, seconds) => {
    requests.inc({ driver, method, result });
    duration.observe({ driver, method }, seconds);
  };
}

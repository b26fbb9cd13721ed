import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { commands } from '../spec/environment.ts';

/** How a call ended: `ok`, or the error code of the specification that the runtime got. */
export type CallResult = 'ok' | number;

export interface CniMetrics {
  /** One call of a command ended, after a time in seconds. */
  served(command: string, result: CallResult, seconds: number): void;
}

const known: ReadonlySet<string> = new Set(commands);

/** Counts what the server does for runtimes. */
export function registerMetrics(registry: Registry, underWay: () => number): CniMetrics {
  const calls = new Counter({
    name: 'cni_calls_total',
    help: 'calls by command and result: ok, or the CNI error code',
    labelNames: ['command', 'result'],
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'cni_call_duration_seconds',
    help: 'time of a call in the server, waiting included',
    labelNames: ['command'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 80],
    registers: [registry],
  });
  const gauge: Gauge = new Gauge({
    name: 'cni_calls_under_way',
    help: 'calls that wait or run',
    registers: [registry],
    collect: () => {
      gauge.set(underWay());
    },
  });
  return {
    served: (given, result, seconds) => {
      const command = known.has(given) ? given : 'unknown';
      calls.inc({ command, result: String(result) });
      duration.observe({ command }, seconds);
    },
  };
}

import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { serveHealth, type ServerTls, type ServiceContext } from '@calico-node/service';
import type { FelixParameters } from '../config/parameters.ts';

interface Listener {
  /** '' for every address. */
  readonly host: string;
  readonly port: number;
  readonly serves: readonly ('health' | 'metrics')[];
  /** Speaks TLS alone. */
  readonly isSecure: boolean;
}

type ListenerParameters = Pick<
  FelixParameters,
  | 'HealthEnabled'
  | 'HealthHost'
  | 'HealthPort'
  | 'PrometheusMetricsEnabled'
  | 'PrometheusMetricsHost'
  | 'PrometheusMetricsPort'
  | 'PrometheusMetricsCAFile'
  | 'PrometheusMetricsCertFile'
  | 'PrometheusMetricsKeyFile'
  | 'PrometheusMetricsClientAuth'
  | 'PrometheusGoMetricsEnabled'
  | 'PrometheusProcessMetricsEnabled'
>;

/**
 * What the parameters want to be served, beside `--health-address`. Metrics that only certain clients may read, since
 * there is a certificate for them, are nowhere but at their own address.
 */
export function listenersOf(values: ListenerParameters, served: string | undefined): readonly Listener[] {
  const isSecure = values.PrometheusMetricsCertFile !== '' && values.PrometheusMetricsKeyFile !== '';
  const both = ['health', 'metrics'] as const;
  const health: Listener = {
    host: values.HealthHost,
    port: values.HealthPort,
    serves: isSecure && values.PrometheusMetricsEnabled ? ['health'] : both,
    isSecure: false,
  };
  const metrics: Listener = {
    host: values.PrometheusMetricsHost,
    port: values.PrometheusMetricsPort,
    serves: isSecure ? ['metrics'] : both,
    isSecure,
  };
  const wanted = [...(values.HealthEnabled ? [health] : []), ...(values.PrometheusMetricsEnabled ? [metrics] : [])];
  const own = served?.replace(/^localhost:/, '127.0.0.1:');
  const plain = new Map(wanted.filter((each) => !each.isSecure).map((each) => [textOf(each), each]));
  if (own !== undefined) plain.delete(own);
  return [...plain.values(), ...wanted.filter((each) => each.isSecure)];
}

/** Whether Prometheus is shown a metric of the process, or of the engine that it runs on: Go's are Node.js's here. */
export function isShownBy(values: ListenerParameters): (metric: string) => boolean {
  return (metric) =>
    metric.startsWith('process_')
      ? values.PrometheusProcessMetricsEnabled
      : !metric.startsWith('nodejs_') || values.PrometheusGoMetricsEnabled;
}

/**
 * Serves `/liveness`, `/readiness` and `/metrics` where HealthEnabled and PrometheusMetricsEnabled say. What cannot be
 * listened on is logged and left out: the data plane matters more.
 */
export async function serveAsConfigured(context: ServiceContext, values: ListenerParameters): Promise<AsyncDisposable> {
  const { log, health, metrics } = context;
  const servers: Server[] = [];
  for (const { host, port, serves, isSecure } of listenersOf(values, context.option('health-address'))) {
    try {
      const tls = isSecure ? { tls: tlsOf(values) } : {};
      const address = { host: host === '' ? '::' : host, port };
      servers.push(await serveHealth(address, health, metrics, { serves, isShown: isShownBy(values), ...tls }));
    } catch (error) {
      log.warn({ err: error, host, port }, `${serves.join(' and ')} are not served here`);
    }
  }
  return {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(servers.map(closed));
    },
  };
}

/** @throws the file error. */
function tlsOf(values: ListenerParameters): ServerTls {
  const { PrometheusMetricsCAFile: caFile } = values;
  return {
    key: readFileSync(values.PrometheusMetricsKeyFile, 'utf8'),
    cert: readFileSync(values.PrometheusMetricsCertFile, 'utf8'),
    ...(caFile === '' ? {} : { ca: readFileSync(caFile, 'utf8') }),
    clientAuth: values.PrometheusMetricsClientAuth,
  };
}

function textOf({ host, port }: Listener): string {
  return `${host === 'localhost' ? '127.0.0.1' : host}:${port}`;
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}

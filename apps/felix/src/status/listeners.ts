import type { Server } from 'node:http';
import { serveHealth, type ServiceContext } from '@calico-node/service';
import type { FelixParameters } from '../config/parameters.ts';

interface Address {
  readonly host: string;
  readonly port: number;
}

type ListenerParameters = Pick<
  FelixParameters,
  | 'HealthEnabled'
  | 'HealthHost'
  | 'HealthPort'
  | 'PrometheusMetricsEnabled'
  | 'PrometheusMetricsHost'
  | 'PrometheusMetricsPort'
>;

/** Where the parameters want health and metrics to be served, beside `--health-address`; no host is every address. */
export function addressesOf(values: ListenerParameters, served: string | undefined): readonly Address[] {
  const wanted = [
    ...(values.HealthEnabled ? [{ host: values.HealthHost, port: values.HealthPort }] : []),
    ...(values.PrometheusMetricsEnabled
      ? [{ host: values.PrometheusMetricsHost, port: values.PrometheusMetricsPort }]
      : []),
  ];
  const byText = new Map(wanted.map((address) => [textOf(address), address]));
  if (served !== undefined) byText.delete(served.replace(/^localhost:/, '127.0.0.1:'));
  return [...byText.values()];
}

/**
 * Serves `/liveness`, `/readiness` and `/metrics` where HealthEnabled and PrometheusMetricsEnabled say. What cannot be
 * listened on is logged and left out: the data plane matters more.
 */
export async function serveAsConfigured(context: ServiceContext, values: ListenerParameters): Promise<AsyncDisposable> {
  const { log, health, metrics } = context;
  const servers: Server[] = [];
  for (const address of addressesOf(values, context.option('health-address'))) {
    try {
      servers.push(await serveHealth({ ...address, host: address.host === '' ? '::' : address.host }, health, metrics));
    } catch (error) {
      log.warn({ err: error, ...address }, 'health and metrics are not served here');
    }
  }
  return {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(servers.map(closed));
    },
  };
}

function textOf({ host, port }: Address): string {
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

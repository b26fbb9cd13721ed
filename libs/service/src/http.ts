import { createServer, type RequestListener, type Server } from 'node:http';
import type { Health } from './health.ts';
import type { Metrics } from './metrics.ts';
import { createTlsServer, type ServerTls } from './server-tls.ts';

/** `host:port`, `[v6]:port` or `:port`. */
export function parseListenAddress(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[(?<v6>[0-9a-f:]+)\]|(?<host>[^:\s]+))?:(?<port>\d{1,5})$/i.exec(text);
  const port = Number(match?.groups?.['port'] ?? Number.NaN);
  if (match === null || !(port <= 65535)) return undefined;
  return { host: match.groups?.['v6'] ?? match.groups?.['host'] ?? '127.0.0.1', port };
}

export interface ServeOptions {
  /** By default both. */
  readonly serves?: readonly ('health' | 'metrics')[];
  /** Whether a metric is shown, by its name; by default all are. */
  readonly isShown?: (metric: string) => boolean;
  /** Speaks TLS alone. */
  readonly tls?: ServerTls;
}

/**
 * `/liveness`, `/readiness` (200 or 503, with each component's reason as JSON) and `/metrics`.
 * Resolves when it listens.
 */
export async function serveHealth(
  address: { readonly host: string; readonly port: number },
  health: Health,
  metrics: Metrics,
  { serves = ['health', 'metrics'], isShown, tls }: ServeOptions = {},
): Promise<Server> {
  const paths = serves.flatMap((part) => (part === 'health' ? ['/liveness', '/readiness'] : ['/metrics']));
  const onRequest: RequestListener = (request, response) => {
    const answer = (status: number, type: string, body: string): void => {
      response.writeHead(status, { 'content-type': type }).end(body);
    };
    const path = paths.find((known) => known === request.url);
    switch (path) {
      case '/liveness':
      case '/readiness': {
        const report = path === '/liveness' ? health.liveness() : health.readiness();
        answer(report.ok ? 200 : 503, 'application/json', `${JSON.stringify(report)}\n`);
        return;
      }
      case '/metrics':
        metrics.text(isShown).then(
          (text) => {
            answer(200, metrics.registry.contentType, text);
          },
          (error: unknown) => {
            answer(500, 'text/plain', `${String(error)}\n`);
          },
        );
        return;
      default:
        answer(404, 'text/plain', `try ${paths.join(' or ')}\n`);
    }
  };
  const server = tls === undefined ? createServer(onRequest) : createTlsServer(tls, onRequest);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
  server.unref();
  return server;
}

import { createServer, type Server } from 'node:http';
import type { Health } from './health.ts';
import type { Metrics } from './metrics.ts';

/** `host:port`, `[v6]:port` or `:port`. */
export function parseListenAddress(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[(?<v6>[0-9a-f:]+)\]|(?<host>[^:\s]+))?:(?<port>\d{1,5})$/i.exec(text);
  const port = Number(match?.groups?.['port'] ?? Number.NaN);
  if (match === null || !(port <= 65535)) return undefined;
  return { host: match.groups?.['v6'] ?? match.groups?.['host'] ?? '127.0.0.1', port };
}

/**
 * `/liveness`, `/readiness` (200 or 503, with each component's reason as JSON) and `/metrics`.
 * Resolves when it listens.
 */
export async function serveHealth(
  address: { readonly host: string; readonly port: number },
  health: Health,
  metrics: Metrics,
): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = (status: number, type: string, body: string): void => {
      response.writeHead(status, { 'content-type': type }).end(body);
    };
    switch (request.url) {
      case '/liveness':
      case '/readiness': {
        const report = request.url === '/liveness' ? health.liveness() : health.readiness();
        answer(report.ok ? 200 : 503, 'application/json', `${JSON.stringify(report)}\n`);
        return;
      }
      case '/metrics':
        metrics.registry.metrics().then(
          (text) => {
            answer(200, metrics.registry.contentType, text);
          },
          (error: unknown) => {
            answer(500, 'text/plain', `${String(error)}\n`);
          },
        );
        return;
      default:
        answer(404, 'text/plain', 'try /liveness, /readiness or /metrics\n');
    }
  });
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

import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { serveUnix, type RunningServer } from '@calico-node/rpc';
import { FlowCollectorService, type Flow, type FlowCollectorServer } from '@calico-node/rpc/goldmane';
import type { TestCertificates } from '@calico-node/service/testing';

/** What serves Goldmane's API on a unix socket, and keeps what it is told. */
export class CollectorServer {
  readonly flows: Flow[] = [];
  readonly #implementation: FlowCollectorServer = {
    connect: (stream) => {
      stream.on('data', ({ flow }: { readonly flow: Flow | undefined }) => {
        if (flow !== undefined) this.flows.push(flow);
        stream.write({});
      });
      stream.on('end', () => {
        stream.end();
      });
    },
  };

  serve(socketPath: string): Promise<RunningServer> {
    return serveUnix(socketPath, [[FlowCollectorService, this.#implementation]]);
  }
}

/**
 * Goldmane's port, for those alone who have a certificate of the authority `ca`: what they say in TLS comes to the unix
 * socket. Needs the identity `goldmane`.
 */
export async function serveTls(
  socketPath: string,
  certificates: TestCertificates,
): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer(
    {
      ...certificates.identity('goldmane'),
      ca: certificates.pem('ca.pem'),
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ['h2'],
    },
    (client) => {
      const upstream = connect(socketPath);
      client.on('error', () => upstream.destroy());
      upstream.on('error', () => client.destroy());
      client.pipe(upstream).pipe(client);
    },
  );
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

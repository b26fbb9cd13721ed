import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';

/** What a server asks of its clients' certificates, in the words of Go's crypto/tls. */
export type ClientAuth =
  'NoClientCert' | 'RequireAnyClientCert' | 'VerifyClientCertIfGiven' | 'RequireAndVerifyClientCert';

/** A server's certificate, and who may connect to it. All in PEM. */
export interface ServerTls {
  readonly key: string;
  readonly cert: string;
  /** Who signs clients' certificates; the system's authorities where it is not given. */
  readonly ca?: string;
  readonly clientAuth: ClientAuth;
}

/** A server that speaks TLS alone. @throws Error when key and certificate cannot be used. */
export function createTlsServer({ key, cert, ca, clientAuth }: ServerTls, onRequest: RequestListener): Server {
  const server = createServer(
    {
      key,
      cert,
      ...(ca === undefined ? {} : { ca }),
      minVersion: 'TLSv1.2',
      requestCert: clientAuth !== 'NoClientCert',
      rejectUnauthorized: clientAuth === 'RequireAndVerifyClientCert',
    },
    onRequest,
  );
  server.on('secureConnection', (socket) => {
    const isGiven = Object.keys(socket.getPeerCertificate()).length > 0;
    const isRefused =
      (clientAuth === 'RequireAnyClientCert' && !isGiven) ||
      (clientAuth === 'VerifyClientCertIfGiven' && isGiven && !socket.authorized);
    if (isRefused) socket.destroy();
  });
  return server;
}

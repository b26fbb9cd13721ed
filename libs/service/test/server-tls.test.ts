import { get } from 'node:https';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveHealth } from '../src/http.ts';
import { Health } from '../src/health.ts';
import { Metrics } from '../src/metrics.ts';
import type { ClientAuth } from '../src/server-tls.ts';
import { TestCertificates } from '../src/testing/index.ts';

const certificates = new TestCertificates();

beforeAll(() => {
  for (const authority of ['ca', 'other']) certificates.addAuthority(authority);
  certificates.add('server', 'ca');
  certificates.add('client', 'ca');
  certificates.add('stranger', 'other');
});

afterAll(() => {
  certificates[Symbol.dispose]();
});

/** The answer's status, or `refused`. */
function ask(port: number, client: 'client' | 'stranger' | 'nobody', url = '/metrics'): Promise<number | 'refused'> {
  const own = client === 'nobody' ? {} : certificates.identity(client);
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', port, path: url, ca: certificates.pem('ca.pem'), agent: false, ...own }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).on('error', () => {
      resolve('refused');
    });
  });
}

test.each<[ClientAuth, readonly (number | 'refused')[]]>([
  ['NoClientCert', [200, 200, 200]],
  ['RequireAnyClientCert', [200, 200, 'refused']],
  ['VerifyClientCertIfGiven', [200, 'refused', 200]],
  ['RequireAndVerifyClientCert', [200, 'refused', 'refused']],
])('with %s, a known client, one of another authority, and one without a certificate', async (clientAuth, expected) => {
  const tls = { ...certificates.identity('server'), ca: certificates.pem('ca.pem'), clientAuth };
  const server = await serveHealth({ host: '127.0.0.1', port: 0 }, new Health(), new Metrics(), {
    serves: ['metrics'],
    tls,
  });
  try {
    const address = server.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    expect(await Promise.all((['client', 'stranger', 'nobody'] as const).map((client) => ask(port, client)))).toEqual(
      expected,
    );
    expect(await ask(port, 'client', '/readiness')).toBe(404);
    await expect(fetch(`http://127.0.0.1:${port}/metrics`)).rejects.toThrow();
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

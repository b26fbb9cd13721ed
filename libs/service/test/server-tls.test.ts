import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveHealth } from '../src/http.ts';
import { Health } from '../src/health.ts';
import { Metrics } from '../src/metrics.ts';
import type { ClientAuth } from '../src/server-tls.ts';

const directory = mkdtempSync(join(tmpdir(), 'calico-tls-'));
const path = (name: string): string => join(directory, name);
const pem = (name: string): string => readFileSync(path(name), 'utf8');

beforeAll(() => {
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  for (const ca of ['ca', 'other']) {
    openssl('req', '-x509', ...key, '-keyout', `${ca}.key`, '-out', `${ca}.pem`, '-subj', `/CN=${ca}`, '-days', '2');
  }
  for (const [name, ca] of [
    ['server', 'ca'],
    ['client', 'ca'],
    ['stranger', 'other'],
  ] as const) {
    writeFileSync(path(`${name}.ext`), 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n');
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', `${ca}.pem`, '-CAkey', `${ca}.key`, '-CAcreateserial'],
      ...['-out', `${name}.pem`, '-days', '2', '-extfile', `${name}.ext`],
    );
  }
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

/** The answer's status, or `refused`. */
function ask(port: number, client: 'client' | 'stranger' | 'nobody', url = '/metrics'): Promise<number | 'refused'> {
  const own = client === 'nobody' ? {} : { key: pem(`${client}.key`), cert: pem(`${client}.pem`) };
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', port, path: url, ca: pem('ca.pem'), agent: false, ...own }, (response) => {
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
  const tls = { key: pem('server.key'), cert: pem('server.pem'), ca: pem('ca.pem'), clientAuth };
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

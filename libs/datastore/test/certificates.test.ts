import { writeFileSync } from 'node:fs';
import { TestCertificates } from '@calico-node/service/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectDatastore, loadDatastoreConfig, type EtcdConfig } from '../src/index.ts';
import { freePort, startEtcd, type EtcdProcess } from '../src/testing/index.ts';

/*
 * What an operator is told when certificates do not fit.
 */

const certificates = new TestCertificates();

let etcd: EtcdProcess;
let port: number;

beforeAll(async () => {
  certificates.addAuthority('ca');
  certificates.addAuthority('other');
  certificates.add('server', 'ca');
  certificates.add('client', 'ca');
  certificates.add('stranger', 'other');
  port = await freePort();
  etcd = await startEtcd({
    scheme: 'https',
    port,
    args: [
      ...['--cert-file', certificates.path('server.pem'), '--key-file', certificates.path('server.key')],
      ...['--client-cert-auth', '--trusted-ca-file', certificates.path('ca.pem')],
    ],
  });
});

afterAll(async () => {
  await etcd.stop();
  certificates[Symbol.dispose]();
});

/** The message of the error that a read ends with, or what it read. */
async function answerTo(config: EtcdConfig): Promise<string> {
  const backend = connectDatastore(config);
  try {
    await backend.put('/calico/a', 'x', { timeoutMs: 4000 });
    return (await backend.get('/calico/a'))?.value ?? '';
  } catch (error) {
    return String(error);
  } finally {
    backend.close();
  }
}

const files = (names: Record<string, string>): Record<string, string> => ({
  ETCD_ENDPOINTS: etcd.endpoints.join(','),
  ...Object.fromEntries(Object.entries(names).map(([name, file]) => [name, certificates.path(file)])),
});

describe('a client', () => {
  it('with the CA and a certificate of it, from files, reads and writes', async () => {
    const env = files({ ETCD_CA_CERT_FILE: 'ca.pem', ETCD_CERT_FILE: 'client.pem', ETCD_KEY_FILE: 'client.key' });
    expect(await answerTo(loadDatastoreConfig({ env }))).toBe('x');
  });

  it('with the texts of the certificates in its configuration file reads and writes', async () => {
    const spec = {
      etcdEndpoints: etcd.endpoints.join(','),
      etcdCACert: certificates.pem('ca.pem'),
      etcdCert: certificates.pem('client.pem'),
      etcdKey: certificates.pem('client.key'),
    };
    const configFile = certificates.path('calicoctl.cfg');
    writeFileSync(configFile, JSON.stringify({ apiVersion: 'projectcalico.org/v3', kind: 'CalicoAPIConfig', spec }));
    expect(await answerTo(loadDatastoreConfig({ env: {}, configFile }))).toBe('x');
  });

  it.each([
    ['another CA', { ETCD_CA_CERT_FILE: 'other.pem', ETCD_CERT_FILE: 'client.pem', ETCD_KEY_FILE: 'client.key' }],
    ['no CA', { ETCD_CERT_FILE: 'client.pem', ETCD_KEY_FILE: 'client.key' }],
  ])('with %s is told that etcd\u2019s certificate is not trusted', async (_what, names) => {
    const answer = await answerTo(loadDatastoreConfig({ env: files(names) }));
    expect(answer).toMatch(/certificate/i);
    expect(answer).toContain('ETCD_CA_CERT_FILE');
    expect(answer).toContain(`127.0.0.1:${port}`);
  });

  it('without a certificate, or with one of another CA, is not answered', async () => {
    for (const names of [
      { ETCD_CA_CERT_FILE: 'ca.pem' },
      { ETCD_CA_CERT_FILE: 'ca.pem', ETCD_CERT_FILE: 'stranger.pem', ETCD_KEY_FILE: 'stranger.key' },
    ]) {
      expect(await answerTo(loadDatastoreConfig({ env: files(names) }))).toContain(`127.0.0.1:${port}`);
    }
  });

  it('that does not speak TLS is told where it asked', async () => {
    const endpoints = [`http://127.0.0.1:${port}`];
    expect(await answerTo({ type: 'etcdv3', endpoints, tls: {} })).toContain(`http://127.0.0.1:${port}`);
  });
});

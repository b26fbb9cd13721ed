import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadDatastoreConfig } from './config.ts';

const directory = mkdtempSync(join(tmpdir(), 'calico-config-'));

afterAll(() => {
  rmSync(directory, { recursive: true });
});

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

describe('loadDatastoreConfig', () => {
  it('reads the environment, where the CALICO_ prefix wins', () => {
    const env = {
      DATASTORE_TYPE: 'etcdv3',
      ETCD_ENDPOINTS: 'http://a:2379',
      CALICO_ETCD_ENDPOINTS: 'https://b:2379, https://c:2379',
      ETCD_USERNAME: 'felix',
      ETCD_PASSWORD: 'secret',
    };
    expect(loadDatastoreConfig({ env })).toMatchObject({
      type: 'etcdv3',
      endpoints: ['https://b:2379', 'https://c:2379'],
      user: { username: 'felix', password: 'secret' },
      tls: {},
    });
  });

  it('takes etcd as meant when endpoints are given and no type', () => {
    expect(loadDatastoreConfig({ env: { ETCD_ENDPOINTS: 'http://a:1' } }).endpoints).toEqual(['http://a:1']);
  });

  it('logs in only with both a name and a password', () => {
    const env = { ETCD_ENDPOINTS: 'http://a:1', ETCD_USERNAME: 'felix' };
    expect(loadDatastoreConfig({ env }).user).toBeUndefined();
  });

  it('reads key, certificate and CA from their files', () => {
    const env = {
      ETCD_ENDPOINTS: 'https://a:1',
      ETCD_CA_CERT_FILE: file('ca', 'the ca'),
      ETCD_KEY_FILE: file('key', 'the key'),
      ETCD_CERT_FILE: file('cert', 'the cert'),
    };
    expect(loadDatastoreConfig({ env }).tls).toEqual({ ca: 'the ca', key: 'the key', cert: 'the cert' });
  });

  it('reads a CalicoAPIConfig file instead of the environment', () => {
    const configFile = file(
      'calicoctl.cfg',
      'apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nmetadata:\nspec:\n' +
        '  datastoreType: etcdv3\n  etcdEndpoints: http://file:2379\n  etcdCACert: inline\n',
    );
    const config = loadDatastoreConfig({ env: { ETCD_ENDPOINTS: 'http://env:1' }, configFile });
    expect(config.endpoints).toEqual(['http://file:2379']);
    expect(config.tls.ca).toBe('inline');
  });

  it.each([
    ['nothing that names a store', {}, /ETCD_ENDPOINTS/],
    ['the Kubernetes API', { DATASTORE_TYPE: 'kubernetes' }, /Kubernetes/],
    ['an endpoint that is no URL', { ETCD_ENDPOINTS: 'etcd:2379' }, /etcd:2379/],
    ['an unknown type', { DATASTORE_TYPE: 'consul' }, /consul/],
    ['endpoints and a discovery domain', { ETCD_ENDPOINTS: 'http://a:1', ETCD_DISCOVERY_SRV: 'x.org' }, /both/],
    ['a CA file that is not there', { ETCD_ENDPOINTS: 'http://a:1', ETCD_CA_CERT_FILE: '/no/such' }, /\/no\/such/],
    ['a certificate without its key', { ETCD_ENDPOINTS: 'http://a:1', ETCD_CERT_FILE: file('c', 'x') }, /key/],
  ])('refuses %s', (_what, env, message) => {
    expect(() => loadDatastoreConfig({ env })).toThrow(message);
    expect(() => loadDatastoreConfig({ env })).toThrow(expect.objectContaining({ code: 'config' }));
  });

  it.each([
    ['an unknown field', 'spec: {etcdEndpoint: http://a:1}', /unknown field spec\.etcdEndpoint/],
    ['a field of the wrong type', 'spec: {etcdEndpoints: [http://a:1]}', /spec\.etcdEndpoints is not a string/],
    ['a top-level stranger', 'sepc: {}', /unknown field sepc/],
    ['both forms of a certificate', 'spec: {etcdEndpoints: "http://a:1", etcdCert: x, etcdCertFile: y}', /etcdCert/],
  ])('refuses a file with %s', (_what, line, message) => {
    const configFile = file('bad.cfg', `apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\n${line}\n`);
    expect(() => loadDatastoreConfig({ env: {}, configFile })).toThrow(message);
  });

  it('refuses a file that is no CalicoAPIConfig', () => {
    expect(() => loadDatastoreConfig({ env: {}, configFile: file('x', 'kind: Pod\n') })).toThrow(/apiVersion/);
    expect(() => loadDatastoreConfig({ env: {}, configFile: file('y', '{') })).toThrow(/not YAML/);
    expect(() => loadDatastoreConfig({ env: {}, configFile: '/no/such/file' })).toThrow(/cannot read/);
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
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

  describe.each(['', 'CALICO_'])('with variables %sETCD_...', (prefix) => {
    const given = (settings: Record<string, string>): Record<string, string> =>
      Object.fromEntries(Object.entries(settings).map(([name, value]) => [prefix + name, value]));

    it.each([
      ['DATASTORE_TYPE', 'etcdv3', { type: 'etcdv3' }],
      ['ETCD_ENDPOINTS', 'http://a:1,http://b:2', { endpoints: ['http://a:1', 'http://b:2'] }],
      ['ETCD_CA_CERT_FILE', file('v-ca', 'ca pem'), { tls: { ca: 'ca pem' } }],
    ])('reads %s', (name, value, expected) => {
      const env = given({ ETCD_ENDPOINTS: 'http://a:1', [name]: value });
      expect(loadDatastoreConfig({ env })).toMatchObject(expected);
    });

    it('reads ETCD_DISCOVERY_SRV instead of endpoints', () => {
      const config = loadDatastoreConfig({ env: given({ ETCD_DISCOVERY_SRV: 'example.org' }) });
      expect(config).toMatchObject({ type: 'etcdv3', endpoints: [], discoverySrv: 'example.org' });
    });

    it('reads ETCD_USERNAME and ETCD_PASSWORD', () => {
      const env = given({ ETCD_ENDPOINTS: 'http://a:1', ETCD_USERNAME: 'u', ETCD_PASSWORD: 'p' });
      expect(loadDatastoreConfig({ env }).user).toEqual({ username: 'u', password: 'p' });
    });

    it('reads ETCD_KEY_FILE and ETCD_CERT_FILE', () => {
      const env = given({
        ETCD_ENDPOINTS: 'http://a:1',
        ETCD_KEY_FILE: file('v-key', 'key pem'),
        ETCD_CERT_FILE: file('v-cert', 'cert pem'),
      });
      expect(loadDatastoreConfig({ env }).tls).toMatchObject({ key: 'key pem', cert: 'cert pem' });
    });
  });

  it('takes the prefixed variable over the bare one, and neither where it is empty', () => {
    const env = {
      ETCD_ENDPOINTS: 'http://a:1',
      CALICO_ETCD_ENDPOINTS: '',
      ETCD_USERNAME: 'bare',
      CALICO_ETCD_USERNAME: 'prefixed',
      ETCD_PASSWORD: 'p',
      ETCD_CA_CERT_FILE: '',
    };
    expect(loadDatastoreConfig({ env })).toMatchObject({
      endpoints: ['http://a:1'],
      user: { username: 'prefixed' },
      tls: { ca: undefined },
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
    ['YAML', (spec: object) => stringify(spec)],
    ['JSON', (spec: object) => JSON.stringify(spec)],
  ])('reads every setting for etcd from %s', (_form, print) => {
    const spec = {
      datastoreType: 'etcdv3',
      etcdEndpoints: 'https://a:1',
      etcdUsername: 'u',
      etcdPassword: 'p',
      etcdKeyFile: file('f-key', 'key pem'),
      etcdCertFile: file('f-cert', 'cert pem'),
      etcdCACertFile: file('f-ca', 'ca pem'),
      kubeconfig: '/ignored',
      k8sInsecureSkipTLSVerify: true,
    };
    const text = print({ apiVersion: 'projectcalico.org/v3', kind: 'CalicoAPIConfig', metadata: {}, spec });
    expect(loadDatastoreConfig({ env: {}, configFile: file('all.cfg', text) })).toEqual({
      type: 'etcdv3',
      endpoints: ['https://a:1'],
      discoverySrv: undefined,
      user: { username: 'u', password: 'p' },
      tls: { key: 'key pem', cert: 'cert pem', ca: 'ca pem' },
    });
  });

  it('reads certificates that stand in the file itself, and a discovery domain', () => {
    const spec = { etcdDiscoverySrv: 'example.org', etcdKey: 'key pem', etcdCert: 'cert pem', etcdCACert: 'ca pem' };
    const text = stringify({ apiVersion: 'projectcalico.org/v3', kind: 'CalicoAPIConfig', spec });
    expect(loadDatastoreConfig({ env: {}, configFile: file('inline.cfg', text) })).toMatchObject({
      discoverySrv: 'example.org',
      tls: { key: 'key pem', cert: 'cert pem', ca: 'ca pem' },
    });
  });

  it.each(['etcdKey', 'etcdCert', 'etcdCACert'])('refuses %s together with its file', (field) => {
    const spec = { etcdEndpoints: 'http://a:1', [field]: 'pem', [`${field}File`]: file('both', 'pem') };
    const text = stringify({ apiVersion: 'projectcalico.org/v3', kind: 'CalicoAPIConfig', spec });
    const load = () => loadDatastoreConfig({ env: {}, configFile: file('both.cfg', text) });
    expect(load).toThrow(expect.objectContaining({ code: 'config' }));
    expect(load).toThrow(new RegExp(field));
  });

  it.each([
    ['nothing that names a store', {}, /ETCD_ENDPOINTS/],
    ['the Kubernetes API', { DATASTORE_TYPE: 'kubernetes' }, /Kubernetes/],
    ['an endpoint that is no URL', { ETCD_ENDPOINTS: 'etcd:2379' }, /etcd:2379/],
    ['an unknown type', { DATASTORE_TYPE: 'consul' }, /consul/],
    ['endpoints and a discovery domain', { ETCD_ENDPOINTS: 'http://a:1', ETCD_DISCOVERY_SRV: 'x.org' }, /both/],
    ['a CA file that is not there', { ETCD_ENDPOINTS: 'http://a:1', ETCD_CA_CERT_FILE: '/no/such' }, /\/no\/such/],
    ['a key without its certificate', { ETCD_ENDPOINTS: 'http://a:1', ETCD_KEY_FILE: file('k', 'x') }, /key/],
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

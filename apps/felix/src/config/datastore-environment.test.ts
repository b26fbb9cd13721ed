import { loadDatastoreConfig } from '@calico-node/datastore';
import { expect, test } from 'vitest';
import { datastoreEnvironment } from './datastore-environment.ts';
import { resolveParameters } from './resolve.ts';
import { fromEnvironment, fromFile } from './sources.ts';

const common = { ETCD_ENDPOINTS: 'http://common:2379' };

test.each([
  [{}, 'http://common:2379'],
  [{ FELIX_ETCDENDPOINTS: 'https://a:2379,https://b:2379' }, 'https://a:2379,https://b:2379'],
  [{ FELIX_ETCDADDR: 'c:2379' }, 'http://c:2379'],
  [{ FELIX_ETCDADDR: 'c:2379', FELIX_ETCDSCHEME: 'https' }, 'https://c:2379'],
  [{ FELIX_ETCDADDR: 'c:2379', FELIX_ETCDENDPOINTS: 'http://d:2379' }, 'http://d:2379'],
  [{ FELIX_ETCDENDPOINTS: 'http://d:2379', CALICO_ETCD_ENDPOINTS: 'http://e:2379' }, 'http://d:2379'],
  [{ FELIX_ETCDENDPOINTS: 'http://d:2379', ETCD_DISCOVERY_SRV: 'example.org' }, 'http://d:2379'],
  [{ FELIX_ETCDENDPOINTS: 'http://d:2379', DATASTORE_TYPE: 'kubernetes' }, 'http://d:2379'],
  [{ FELIX_ETCDENDPOINTS: ',http://d:2379, ,http://e:2379,' }, 'http://d:2379,http://e:2379'],
])('with %o the store is at %s', (given, endpoints) => {
  const env = { ...common, ...given };
  const config = loadDatastoreConfig({ env: datastoreEnvironment(env, resolveParameters([fromEnvironment(env)])) });
  expect(config).toMatchObject({ type: 'etcdv3', endpoints: endpoints.split(',') });
});

test('the file’s word counts too, with the files for TLS', () => {
  const file = fromFile(
    'felix.cfg',
    'EtcdEndpoints = https://a:2379\nEtcdCaFile = /ca\nEtcdKeyFile = /key\nEtcdCertFile = /cert',
  );
  expect(datastoreEnvironment(common, resolveParameters([file]))).toMatchObject({
    CALICO_ETCD_ENDPOINTS: 'https://a:2379',
    CALICO_ETCD_CA_CERT_FILE: '/ca',
    CALICO_ETCD_KEY_FILE: '/key',
    CALICO_ETCD_CERT_FILE: '/cert',
  });
});

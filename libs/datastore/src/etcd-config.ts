import { existsSync, readFileSync } from 'node:fs';
import type { ConfigSpec } from './config-file.ts';
import { DatastoreError } from './errors.ts';
import { parseEndpoint } from './etcd/endpoints.ts';

/** How to reach etcd: exactly one of `endpoints` (non-empty) and `discoverySrv` is given. */
export interface EtcdConfig {
  readonly type: 'etcdv3';
  /** URLs: `https://host:2379`. */
  readonly endpoints: readonly string[];
  /** The domain whose DNS service records name the endpoints. */
  readonly discoverySrv?: string | undefined;
  readonly user?: { readonly username: string; readonly password: string } | undefined;
  /** PEM texts. */
  readonly tls: {
    readonly ca?: string | undefined;
    readonly key?: string | undefined;
    readonly cert?: string | undefined;
  };
}

/** The environment variable of each setting; each may also carry the prefix `CALICO_`, which then wins. */
const variables = {
  datastoreType: 'DATASTORE_TYPE',
  etcdEndpoints: 'ETCD_ENDPOINTS',
  etcdDiscoverySrv: 'ETCD_DISCOVERY_SRV',
  etcdUsername: 'ETCD_USERNAME',
  etcdPassword: 'ETCD_PASSWORD',
  etcdKeyFile: 'ETCD_KEY_FILE',
  etcdCertFile: 'ETCD_CERT_FILE',
  etcdCACertFile: 'ETCD_CA_CERT_FILE',
} as const satisfies Partial<Record<keyof ConfigSpec, string>>;

/** The settings that the environment has. */
export function specOfEnvironment(env: Readonly<Record<string, string | undefined>>): ConfigSpec {
  const entries = Object.entries(variables).flatMap(([field, name]) => {
    const value = [env[`CALICO_${name}`], env[name]].find((text) => text !== undefined && text !== '');
    return value === undefined ? [] : [[field, value] as const];
  });
  return Object.fromEntries(entries);
}

/**
 * The configuration that settings make; `from` says where they are from.
 * @throws DatastoreError `config`, naming the setting.
 */
export function configOfSpec(spec: ConfigSpec, from: string): EtcdConfig {
  const type =
    spec.datastoreType ??
    (spec.etcdEndpoints === undefined && spec.etcdDiscoverySrv === undefined ? 'kubernetes' : 'etcdv3');
  if (type === 'kubernetes') {
    throw new DatastoreError('config', `${from} names no etcd, and the Kubernetes API is not supported as a store`, {
      hint: 'set DATASTORE_TYPE=etcdv3 and ETCD_ENDPOINTS=http://host:2379',
    });
  }
  if (type !== 'etcdv3') {
    throw new DatastoreError('config', `datastore type '${type}' is not known`, { hint: 'set DATASTORE_TYPE=etcdv3' });
  }
  return etcdConfig(spec);
}

function etcdConfig(spec: ConfigSpec): EtcdConfig {
  const endpoints = (spec.etcdEndpoints ?? '')
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '');
  const discoverySrv = spec.etcdDiscoverySrv;
  if (endpoints.length > 0 && discoverySrv !== undefined) {
    throw new DatastoreError('config', 'both etcd endpoints and an etcd discovery domain are set', {
      hint: 'set one of ETCD_ENDPOINTS and ETCD_DISCOVERY_SRV',
    });
  }
  if (endpoints.length === 0 && discoverySrv === undefined) {
    throw new DatastoreError('config', 'no etcd endpoint is set', { hint: 'set ETCD_ENDPOINTS=http://host:2379' });
  }
  endpoints.forEach(parseEndpoint); // a wrong one is found here, not at the first call
  const ca = pem(spec.etcdCACert, spec.etcdCACertFile, 'etcdCACert');
  const key = pem(spec.etcdKey, spec.etcdKeyFile, 'etcdKey');
  const cert = pem(spec.etcdCert, spec.etcdCertFile, 'etcdCert');
  if ((key === undefined) !== (cert === undefined)) {
    throw new DatastoreError('config', 'an etcd client key needs its certificate, and a certificate its key', {
      hint: 'set both ETCD_KEY_FILE and ETCD_CERT_FILE, or neither',
    });
  }
  const { etcdUsername: username, etcdPassword: password } = spec;
  return {
    type: 'etcdv3',
    endpoints,
    discoverySrv,
    user: username === undefined || password === undefined ? undefined : { username, password },
    tls: { ca, key, cert },
  };
}

/** A PEM given in the file itself or by path, not both. */
function pem(inline: string | undefined, path: string | undefined, field: string): string | undefined {
  if (inline !== undefined && path !== undefined) {
    throw new DatastoreError('config', `both ${field} and ${field}File are set`, { hint: 'set one of the two' });
  }
  if (path === undefined) return inline;
  if (!existsSync(path)) {
    throw new DatastoreError('config', `${field}File ${path} does not exist`, { identity: path });
  }
  return readFileSync(path, 'utf8');
}

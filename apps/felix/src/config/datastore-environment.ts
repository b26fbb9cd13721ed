import type { Resolved } from './resolve.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Felix's own names for where the store is, and those that every process reads. */
const variables = [
  ['DatastoreType', 'DATASTORE_TYPE'],
  ['EtcdKeyFile', 'ETCD_KEY_FILE'],
  ['EtcdCertFile', 'ETCD_CERT_FILE'],
  ['EtcdCaFile', 'ETCD_CA_CERT_FILE'],
] as const;

/**
 * The environment that names the store, with what Felix's environment and file say of it in place of what every process
 * reads: EtcdEndpoints, else EtcdAddr with EtcdScheme, and the files for TLS. An address of etcd says that it is etcd.
 */
export function datastoreEnvironment(
  env: Environment,
  { values, origins }: Pick<Resolved, 'values' | 'origins'>,
): Environment {
  const given: Record<string, string> = {};
  const set = (variable: string, value: string): void => {
    // Of both forms of a variable this one counts.
    given[`CALICO_${variable}`] = value;
  };
  for (const [name, variable] of variables) if (origins.has(name)) set(variable, values[name]);
  const addresses = endpointsOf({ values, origins });
  if (addresses === undefined) return { ...env, ...given };
  set('ETCD_ENDPOINTS', addresses);
  set('DATASTORE_TYPE', 'etcdv3');
  return { ...env, ...given, ETCD_DISCOVERY_SRV: '', CALICO_ETCD_DISCOVERY_SRV: '' };
}

function endpointsOf({ values, origins }: Pick<Resolved, 'values' | 'origins'>): string | undefined {
  if (origins.has('EtcdEndpoints') && values.EtcdEndpoints !== '') return values.EtcdEndpoints;
  return origins.has('EtcdAddr') ? `${values.EtcdScheme}://${values.EtcdAddr}` : undefined;
}

import { readFileSync } from 'node:fs';
import { isDatastoreError, loadDatastoreConfig } from '@calico-node/datastore';
import { parse } from 'yaml';
import { CommandError, type Io } from '../../io.ts';

/** How a container reaches etcd: certificates by file, since they are mounted into it. */
export interface EtcdAccess {
  /** With commas; empty with a discovery domain. */
  readonly endpoints: string;
  readonly discoverySrv: string;
  readonly caCertFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly certFile: string | undefined;
  readonly user: { readonly username: string; readonly password: string } | undefined;
}

const FILE_SETTINGS = {
  caCertFile: { field: 'etcdCACertFile', inline: 'etcdCACert', variable: 'ETCD_CA_CERT_FILE' },
  keyFile: { field: 'etcdKeyFile', inline: 'etcdKey', variable: 'ETCD_KEY_FILE' },
  certFile: { field: 'etcdCertFile', inline: 'etcdCert', variable: 'ETCD_CERT_FILE' },
} as const;

/** Reads the configuration of the connection. @throws CommandError for one that a container can't use. */
export function readEtcdAccess(configFile: string | undefined, io: Io): EtcdAccess {
  try {
    const config = loadDatastoreConfig({ env: io.env, ...(configFile === undefined ? {} : { configFile }) });
    const spec = configFile === undefined ? undefined : specOf(configFile);
    return {
      endpoints: config.endpoints.join(','),
      discoverySrv: config.discoverySrv ?? '',
      caCertFile: fileOf('caCertFile', spec, io),
      keyFile: fileOf('keyFile', spec, io),
      certFile: fileOf('certFile', spec, io),
      user: config.user,
    };
  } catch (error) {
    if (!isDatastoreError(error)) throw error;
    throw new CommandError(`error executing command: ${error.message}`, { cause: error });
  }
}

/** The file was read and found well before. */
function specOf(configFile: string): Readonly<Record<string, unknown>> {
  const document: unknown = parse(readFileSync(configFile, 'utf8'));
  const spec: unknown = isRecord(document) ? document['spec'] : undefined;
  return isRecord(spec) ? spec : {};
}

function fileOf(
  setting: keyof typeof FILE_SETTINGS,
  spec: Readonly<Record<string, unknown>> | undefined,
  { env }: Io,
): string | undefined {
  const { field, inline, variable } = FILE_SETTINGS[setting];
  if (spec !== undefined && isText(spec[inline])) {
    throw new CommandError(`error executing command: ${inline} can't be given to a container: use ${field}`);
  }
  const value = spec === undefined ? [env[`CALICO_${variable}`], env[variable]].find(isText) : spec[field];
  return isText(value) ? value : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { DatastoreError } from './errors.ts';

/** The settings of a CalicoAPIConfig that concern etcd. */
export interface ConfigSpec {
  readonly datastoreType?: string;
  readonly etcdEndpoints?: string;
  readonly etcdDiscoverySrv?: string;
  readonly etcdUsername?: string;
  readonly etcdPassword?: string;
  readonly etcdKeyFile?: string;
  readonly etcdCertFile?: string;
  readonly etcdCACertFile?: string;
  readonly etcdKey?: string;
  readonly etcdCert?: string;
  readonly etcdCACert?: string;
}

const etcdFields: ReadonlySet<string> = new Set<keyof ConfigSpec>([
  'datastoreType',
  'etcdEndpoints',
  'etcdDiscoverySrv',
  'etcdUsername',
  'etcdPassword',
  'etcdKeyFile',
  'etcdCertFile',
  'etcdCACertFile',
  'etcdKey',
  'etcdCert',
  'etcdCACert',
]);

/** Fields that Calico knows and that etcd has no use for. */
const kubernetesFields: ReadonlySet<string> = new Set([
  'kubeconfig',
  'kubeconfigInline',
  'k8sAPIEndpoint',
  'k8sKeyFile',
  'k8sCertFile',
  'k8sCAFile',
  'k8sAPIToken',
  'k8sInsecureSkipTLSVerify',
  'k8sDisableNodePoll',
  'k8sUsePodCIDR',
  'usePodCIDR',
  'k8sClientQPS',
  'k8sClientBurst',
  'k8sCurrentContext',
  'calicoAPIGroup',
]);

/**
 * Reads a CalicoAPIConfig, YAML or JSON. Strict: an unknown field is an error, as with Calico.
 * @throws DatastoreError `config`, naming the file and the field.
 */
export function readConfigFile(path: string): ConfigSpec {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new DatastoreError('config', `cannot read the configuration file ${path}`, { identity: path, cause: error });
  }
  return parseConfigFile(text, path);
}

/** As {@link readConfigFile}, from the file's text. */
export function parseConfigFile(text: string, path: string): ConfigSpec {
  const refuse = (message: string, cause?: unknown): DatastoreError =>
    new DatastoreError('config', `${path}: ${message}`, { identity: path, cause });
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw refuse(`not YAML or JSON: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  if (!isRecord(document)) throw refuse('not an object');
  const { apiVersion, kind, metadata, spec, ...others } = document;
  if (apiVersion !== 'projectcalico.org/v3') throw refuse("apiVersion is not 'projectcalico.org/v3'");
  if (kind !== 'CalicoAPIConfig') throw refuse("kind is not 'CalicoAPIConfig'");
  if (metadata !== undefined && metadata !== null && !isRecord(metadata)) throw refuse('metadata is not an object');
  const [other] = Object.keys(others);
  if (other !== undefined) throw refuse(`unknown field ${other}`);
  const result: Record<string, string> = {};
  if (spec === undefined || spec === null) return result;
  if (!isRecord(spec)) throw refuse('spec is not an object');
  for (const [field, value] of Object.entries(spec)) {
    if (kubernetesFields.has(field)) continue;
    if (!etcdFields.has(field)) throw refuse(`unknown field spec.${field}`);
    if (value === null || value === '') continue;
    if (typeof value !== 'string') throw refuse(`spec.${field} is not a string`);
    result[field] = value;
  }
  return result;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

import { CniError, cniCodes } from './cni-error.ts';
import { readDataplane, type GrpcDataplane } from './dataplane.ts';
import { isObject, JsonReader, type JsonObject } from './json-reader.ts';
import { readLabels } from './labels.ts';
import { parseResult, type Result } from './result.ts';
import { negotiateVersion, type CniVersion } from './version.ts';

export interface IpamSettings {
  readonly type: string;
  readonly assignIpv4: boolean;
  readonly assignIpv6: boolean;
  /** Names or CIDRs. */
  readonly ipv4Pools: readonly string[];
  readonly ipv6Pools: readonly string[];
  /** Routes that the configuration names for a delegated plug-in (`ipam.routes`). */
  readonly hasRoutes: boolean;
}

/** Where the Kubernetes API is and who asks it; empty where the configuration does not say. */
export interface KubernetesSettings {
  /** A kubeconfig file. The other settings go before what it says. */
  readonly kubeconfig: string;
  readonly apiRoot: string;
  readonly token: string;
  /** Files. */
  readonly clientCertificate: string;
  readonly clientKey: string;
  readonly certificateAuthority: string;
}

/** What of its calls a network configuration wants logged, and where. */
export interface LogSettings {
  /** Undefined: as the server logs. */
  readonly level: 'debug' | 'info' | 'warn' | 'error' | undefined;
  /** Empty: to no file. */
  readonly path: string;
  /** When the file is begun anew, and how long and how many of the old ones are kept. */
  readonly maxMegabytes: number;
  readonly maxAgeDays: number;
  readonly maxCount: number;
}

export interface AttachmentId {
  readonly containerId: string;
  readonly ifName: string;
}

/** A network configuration, the keys that Calico's plug-ins know. */
export interface NetworkConfig {
  readonly cniVersion: CniVersion;
  readonly name: string;
  /** 0: the node's MTU file decides. */
  readonly mtu: number;
  readonly nodename: string;
  /** The node's name where neither `nodename` nor the node name file gives one. */
  readonly hostname: string;
  /** Empty: the node's own. */
  readonly nodenameFile: string;
  readonly nodenameFileOptional: boolean;
  /** Datastore settings as environment variables; they go before the server's own environment. */
  readonly datastoreEnvironment: Readonly<Record<string, string>>;
  readonly ipam: IpamSettings;
  /** Pods are what the Kubernetes API says of them (policy.type k8s). */
  readonly asksKubernetes: boolean;
  readonly kubernetes: KubernetesSettings;
  /** Which pod annotations are heeded that need leave. */
  readonly features: { readonly ipAddrsNoIpam: boolean; readonly floatingIps: boolean };
  /** Transmit and receive queues of the interface. */
  readonly queues: number;
  readonly allowIpForwarding: boolean;
  /** Who makes interfaces instead of this plug-in. */
  readonly dataplane: GrpcDataplane | undefined;
  readonly includeDefaultRoutes: boolean;
  readonly readinessGates: readonly string[];
  /** 0: unset. */
  readonly policySetupTimeoutSeconds: number;
  /** Empty: the node's own. */
  readonly endpointStatusDir: string;
  readonly requireMtuFile: boolean;
  readonly log: LogSettings;
  readonly labels: Readonly<Record<string, string>>;
  readonly prevResult: Result | undefined;
  /** GC: what the runtime still has; undefined when the configuration does not say. */
  readonly validAttachments: readonly AttachmentId[] | undefined;
  /** The document itself, for delegated plug-ins. */
  readonly document: JsonObject;
}

const datastoreKeys: readonly (readonly [key: string, variable: string])[] = [
  ['datastore_type', 'DATASTORE_TYPE'],
  ['etcd_endpoints', 'ETCD_ENDPOINTS'],
  ['etcd_discovery_srv', 'ETCD_DISCOVERY_SRV'],
  ['etcd_key_file', 'ETCD_KEY_FILE'],
  ['etcd_cert_file', 'ETCD_CERT_FILE'],
  ['etcd_ca_cert_file', 'ETCD_CA_CERT_FILE'],
];

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/**
 * Decodes standard input.
 *
 * @throws CniError code 6 when it is not a JSON object.
 */
export function decodeDocument(stdin: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(stdin);
  } catch (error) {
    throw new CniError(cniCodes.decodingFailure, 'the network configuration is not valid JSON', { cause: error });
  }
  if (!isObject(value)) throw new CniError(cniCodes.decodingFailure, 'the network configuration is not a JSON object');
  return value;
}

/** Fields that this release refuses because ignoring them would change what the operator asked for. */
function refuseUnsupported(reader: JsonReader): void {
  const policy = reader.nested('policy').text('type');
  const dataplane = reader.nested('dataplane_options').text('type', 'linux');
  const device = reader.text('device_type', 'veth');
  const unsupported: readonly (readonly [key: string, value: string, allowed: string, ok: boolean])[] = [
    ['policy.type', policy, 'k8s, or none', policy === '' || policy === 'k8s'],
    ['dataplane_options.type', dataplane, 'linux or grpc', dataplane === 'linux' || dataplane === 'grpc'],
    // A veth pair for netkit too, as Calico makes where the kernel has none: it brings nothing without eBPF programs.
    ['device_type', device, 'veth or netkit', ['', 'veth', 'netkit'].includes(device)],
  ];
  for (const [key, value, allowed, ok] of unsupported) {
    if (!ok) {
      throw new CniError(cniCodes.unsupportedField, `unsupported field in the network configuration: ${key}=${value}`, {
        details: `allowed: ${allowed}`,
      });
    }
  }
}

function readAttachments(reader: JsonReader): readonly AttachmentId[] | undefined {
  const key = ['cni.dev/valid-attachments', 'cni.dev/attachments'].find((name) => reader.has(name));
  if (key === undefined) return undefined;
  return reader.objects(key).map(({ containerID, ifname }) => {
    if (typeof containerID !== 'string' || typeof ifname !== 'string') {
      reader.problems.push(`${key}: an entry lacks containerID or ifname`);
    }
    return {
      containerId: typeof containerID === 'string' ? containerID : '',
      ifName: typeof ifname === 'string' ? ifname : '',
    };
  });
}

function isUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:/.test(text);
}

function readDatastore(reader: JsonReader): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [key, variable] of datastoreKeys) {
    const value = reader.text(key);
    if (value !== '') variables[variable] = value;
  }
  const authority = reader.text('etcd_authority');
  if (authority !== '' && variables['ETCD_ENDPOINTS'] === undefined) {
    variables['ETCD_ENDPOINTS'] = `${reader.text('etcd_scheme', 'http')}://${authority}`;
  }
  const kubernetes = reader.nested('kubernetes');
  const [kubeconfig, root] = [kubernetes.text('kubeconfig'), kubernetes.text('k8s_api_root')];
  if (kubeconfig !== '') variables['KUBECONFIG'] = kubeconfig;
  if (root !== '') variables['K8S_API_ENDPOINT'] = root;
  return variables;
}

function readKubernetes(reader: JsonReader): KubernetesSettings {
  const [kubernetes, policy] = [reader.nested('kubernetes'), reader.nested('policy')];
  return {
    kubeconfig: kubernetes.text('kubeconfig'),
    apiRoot: policy.text('k8s_api_root') || kubernetes.text('k8s_api_root'),
    token: policy.text('k8s_auth_token'),
    clientCertificate: policy.text('k8s_client_certificate'),
    clientKey: policy.text('k8s_client_key'),
    certificateAuthority: policy.text('k8s_certificate_authority'),
  };
}

/** Calico's rule: what is none of its levels is a warning. */
function logLevelOf(text: string): LogSettings['level'] {
  const level = text.toLowerCase();
  if (level === '') return undefined;
  return level === 'debug' || level === 'info' || level === 'error' ? level : 'warn';
}

function readLog(reader: JsonReader): LogSettings {
  return {
    level: logLevelOf(reader.text('log_level')),
    path: reader.text('log_file_path'),
    maxMegabytes: reader.integer('log_file_max_size', 100, 0, 1e6) || 100,
    maxAgeDays: reader.integer('log_file_max_age', 30, 0, 1e5) || 30,
    maxCount: reader.integer('log_file_max_count', 10, 0, 1e5) || 10,
  };
}

/**
 * Parses a network configuration whole.
 *
 * @throws CniError code 1 (version), 2 (a field of which we cannot do what it says), 6 (`prevResult`) or 7,
 *   naming every field that is wrong.
 */
export function parseNetworkConfig(document: JsonObject): NetworkConfig {
  const cniVersion = negotiateVersion(document['cniVersion']);
  const reader = new JsonReader(document);
  refuseUnsupported(reader);
  if (!reader.has('name')) reader.problems.push('name: missing');
  if (!reader.has('type')) reader.problems.push('type: missing');
  const ipam = reader.nested('ipam');
  const container = reader.nested('container_settings');
  const features = reader.nested('feature_control');
  const config: NetworkConfig = {
    cniVersion,
    name: reader.textLike('name', '', (text) => namePattern.test(text), 'made of letters, digits, _ . -'),
    mtu: reader.integer('mtu', 0, 0, 65535),
    nodename: reader.text('nodename'),
    hostname: reader.text('hostname') || reader.nested('kubernetes').text('node_name'),
    nodenameFile: reader.text('nodename_file'),
    nodenameFileOptional: reader.flag('nodename_file_optional', false),
    datastoreEnvironment: readDatastore(reader),
    ipam: {
      type: ipam.textLike('type', '', (text) => !text.includes('/'), 'the name of a plug-in'),
      assignIpv4: ipam.flag('assign_ipv4', true),
      assignIpv6: ipam.flag('assign_ipv6', false),
      ipv4Pools: ipam.texts('ipv4_pools'),
      ipv6Pools: ipam.texts('ipv6_pools'),
      hasRoutes: ipam.objects('routes').length > 0,
    },
    asksKubernetes: reader.nested('policy').text('type') === 'k8s',
    kubernetes: readKubernetes(reader),
    features: {
      ipAddrsNoIpam: features.flag('ip_addrs_no_ipam', false),
      floatingIps: features.flag('floating_ips', false),
    },
    queues: Math.max(1, reader.integer('num_queues', 1, -4096, 4096)),
    allowIpForwarding: container.flag('allow_ip_forwarding', false),
    dataplane: readDataplane(reader.nested('dataplane_options')),
    includeDefaultRoutes: reader.flag('include_default_routes', false),
    readinessGates: reader.texts('readiness_gates'),
    policySetupTimeoutSeconds: reader.integer('policy_setup_timeout_seconds', 0, 0, 3600),
    endpointStatusDir: reader.text('endpoint_status_dir'),
    requireMtuFile: reader.flag('require_mtu_file', false),
    log: readLog(reader),
    labels: readLabels(reader.nested('args')),
    prevResult: reader.has('prevResult') ? parseResult(document['prevResult'], 'prevResult') : undefined,
    validAttachments: readAttachments(reader),
    document,
  };
  for (const gate of config.readinessGates) {
    if (!isUrl(gate)) reader.problems.push(`readiness_gates: '${gate}' is not an http or https URL`);
  }
  if (reader.problems.length > 0) {
    throw new CniError(cniCodes.invalidConfig, `invalid network configuration: ${reader.problems.join('; ')}`);
  }
  return config;
}

import { splitCidr, type Asn, type Cidr, type Family } from '@calico-node/net';
import { logLevels, type LogLevel } from '@calico-node/service';
import type { EarlyNode } from '../early/early-config.ts';
import type { Backend } from '../supervisor/backend.ts';
import type { DetectionMethod } from './detection-method.ts';
import { EnvReader, type Variables } from './env-reader.ts';
import {
  nodeVariables,
  poolVariables,
  typhaVariables,
  type AddressSetting,
  type EncapsulationMode,
  type Variable,
} from './variables.ts';

export interface PoolSetting {
  readonly family: Family;
  /** undefined: choose one. */
  readonly cidr: Cidr | undefined;
  readonly isDisabled: boolean;
  readonly blockSize: number;
  readonly ipipMode: EncapsulationMode;
  readonly vxlanMode: EncapsulationMode;
  readonly natOutgoing: boolean;
  readonly nodeSelector: string;
  readonly disableBgpExport: boolean;
}

/** Everything that start-up takes from the environment (calico/node's variables). */
export interface StartupConfig {
  readonly backend: Backend;
  readonly ipv4: AddressSetting;
  readonly ipv6: AddressSetting;
  readonly ipv4Method: DetectionMethod;
  readonly ipv6Method: DetectionMethod;
  readonly pollIntervalMs: number;
  readonly checkConflicts: boolean;
  readonly asNumber: Asn | undefined;
  readonly pools: readonly PoolSetting[];
  readonly clusterType: string;
  readonly waitForDatastore: boolean;
  readonly kubernetesNodeRef: string;
  /** undefined: as everything else. */
  readonly logLevel: LogLevel | undefined;
  readonly usesPodCidr: boolean;
  /** Whether the token of CNI plug-ins is renewed. */
  readonly managesCni: boolean;
  /** Added to the Node's, over its own. */
  readonly nodeLabels: Readonly<Record<string, string>>;
}

function readPool(reader: EnvReader, family: Family): PoolSetting {
  const prefix = `CALICO_IPV${family}POOL_`;
  const variables = poolVariables[family];
  const names = Object.keys(variables).map((field) => prefix + field);
  reader.refuseUnknown(prefix, names);
  const cidr = reader.read<Cidr | 'none' | undefined>(`${prefix}CIDR`, variables.CIDR);
  const blockSize = reader.read(`${prefix}BLOCK_SIZE`, variables.BLOCK_SIZE);
  if (cidr !== undefined && cidr !== 'none' && splitCidr(cidr).prefixLength > blockSize) {
    reader.problem(`${prefix}BLOCK_SIZE`, String(blockSize), `at least the pool's own prefix length (${cidr})`);
  }
  const ipipMode = family === 4 ? reader.read(`${prefix}IPIP`, poolVariables[4].IPIP) : 'Never';
  const vxlanMode = reader.read(`${prefix}VXLAN`, variables.VXLAN);
  if (ipipMode !== 'Never' && vxlanMode !== 'Never') {
    reader.problem(
      `${prefix}VXLAN`,
      vxlanMode,
      `Never while ${prefix}IPIP is ${ipipMode}: a pool has one encapsulation`,
    );
  }
  return {
    family,
    cidr: cidr === 'none' ? undefined : cidr,
    isDisabled: cidr === 'none',
    blockSize,
    ipipMode,
    vxlanMode,
    natOutgoing: reader.read(`${prefix}NAT_OUTGOING`, variables.NAT_OUTGOING),
    nodeSelector: reader.read(`${prefix}NODE_SELECTOR`, variables.NODE_SELECTOR),
    disableBgpExport: reader.read(`${prefix}DISABLE_BGP_EXPORT`, variables.DISABLE_BGP_EXPORT),
  };
}

function readBackend(reader: EnvReader): Backend {
  const isOn = reader.read('CALICO_NETWORKING', nodeVariables.CALICO_NETWORKING);
  const networking = reader.read('CALICO_NETWORKING_BACKEND', nodeVariables.CALICO_NETWORKING_BACKEND);
  const bgp = reader.read('CALICO_BGP_BACKEND', nodeVariables.CALICO_BGP_BACKEND);
  switch (networking) {
    case 'vxlan':
    case 'none':
      return networking;
    case 'native':
      if (bgp === 'bird') reader.problem('CALICO_BGP_BACKEND', bgp, 'native while CALICO_NETWORKING_BACKEND is native');
      return 'native';
    case 'bird':
      return bgp ?? 'bird';
    case undefined:
      return isOn ? (bgp ?? 'native') : 'none';
  }
}

/** Variables that others of the node's processes act on, or nobody; read so that a mistake shows at once. */
function checkOthers(reader: EnvReader, read: readonly string[]): void {
  const all: Readonly<Record<string, Variable<unknown>>> = nodeVariables;
  for (const [name, variable] of Object.entries(all)) if (!read.includes(name)) reader.read(name, variable);
}

/** Nodes watch the store themselves; a mistake is one all the same. */
function checkTypha(reader: EnvReader): readonly string[] {
  const entries = Object.entries(typhaVariables).map(([name, variable]) => [`CALICO_TYPHA${name}`, variable] as const);
  for (const [name, variable] of entries) reader.read(name, variable);
  return entries.map(([name]) => name);
}

const usedHere = [
  'IP',
  'IP6',
  'IP_AUTODETECTION_METHOD',
  'IP6_AUTODETECTION_METHOD',
  'AUTODETECT_POLL_INTERVAL',
  'DISABLE_NODE_IP_CHECK',
  'AS',
  'CALICO_NETWORKING',
  'CALICO_NETWORKING_BACKEND',
  'CALICO_BGP_BACKEND',
  'NO_DEFAULT_POOLS',
  'CLUSTER_TYPE',
  'WAIT_FOR_DATASTORE',
  'CALICO_EARLY_NETWORKING',
  'CALICO_K8S_NODE_REF',
  'CALICO_STARTUP_LOGLEVEL',
  'CALICO_MANAGE_CNI',
  'USE_POD_CIDR',
] as const satisfies readonly (keyof typeof nodeVariables)[];

/**
 * What early networking knows of the node, where the environment does not say otherwise: the stable address, the AS
 * number, labels.
 */
export function withEarlyNode(config: StartupConfig, early: EarlyNode | undefined): StartupConfig {
  if (early === undefined) return config;
  const { stableAddress, asNumber, labels } = early;
  return {
    ...config,
    ipv4: config.ipv4.kind === 'unset' ? { kind: 'address', ip: stableAddress, prefixLength: 32 } : config.ipv4,
    asNumber: config.asNumber ?? asNumber,
    nodeLabels: labels,
  };
}

/**
 * Reads and checks the whole environment.
 *
 * @throws ConfigError with each variable's name, value and what is allowed.
 */
export function readStartupConfig(env: Variables): StartupConfig {
  const reader = new EnvReader(env);
  const pools = [readPool(reader, 4), readPool(reader, 6)];
  const hasNoDefaultPools = reader.read('NO_DEFAULT_POOLS', nodeVariables.NO_DEFAULT_POOLS);
  if (hasNoDefaultPools) {
    for (const { cidr, family } of pools) {
      if (cidr !== undefined)
        reader.problem(`CALICO_IPV${family}POOL_CIDR`, cidr, 'absent while NO_DEFAULT_POOLS is set');
    }
  }
  checkOthers(reader, usedHere);
  // Not all that begins so is refused: Kubernetes tells pods of a service calico-typha by CALICO_TYPHA_SERVICE_HOST.
  reader.refuseMisspelt([...Object.keys(nodeVariables), ...checkTypha(reader)]);
  const hasEarlyNetworking = reader.read('CALICO_EARLY_NETWORKING', nodeVariables.CALICO_EARLY_NETWORKING) !== '';
  const level = reader.read<string | undefined>('CALICO_STARTUP_LOGLEVEL', nodeVariables.CALICO_STARTUP_LOGLEVEL);
  const config: StartupConfig = {
    backend: readBackend(reader),
    ipv4: reader.read('IP', nodeVariables.IP),
    ipv6: reader.read('IP6', nodeVariables.IP6),
    ipv4Method: reader.read('IP_AUTODETECTION_METHOD', nodeVariables.IP_AUTODETECTION_METHOD),
    ipv6Method: reader.read('IP6_AUTODETECTION_METHOD', nodeVariables.IP6_AUTODETECTION_METHOD),
    pollIntervalMs: reader.read('AUTODETECT_POLL_INTERVAL', nodeVariables.AUTODETECT_POLL_INTERVAL),
    checkConflicts: !reader.read('DISABLE_NODE_IP_CHECK', nodeVariables.DISABLE_NODE_IP_CHECK),
    asNumber: reader.read('AS', nodeVariables.AS),
    pools: hasNoDefaultPools ? [] : pools.filter((pool) => !pool.isDisabled),
    clusterType: reader.read('CLUSTER_TYPE', nodeVariables.CLUSTER_TYPE),
    // The way to the datastore may be what early networking makes.
    waitForDatastore: reader.read('WAIT_FOR_DATASTORE', nodeVariables.WAIT_FOR_DATASTORE) || hasEarlyNetworking,
    kubernetesNodeRef: reader.read('CALICO_K8S_NODE_REF', nodeVariables.CALICO_K8S_NODE_REF),
    logLevel: logLevels.find((known) => known === level),
    managesCni: reader.read('CALICO_MANAGE_CNI', nodeVariables.CALICO_MANAGE_CNI),
    usesPodCidr: reader.read('USE_POD_CIDR', nodeVariables.USE_POD_CIDR),
    nodeLabels: {},
  };
  reader.throwProblems();
  return config;
}

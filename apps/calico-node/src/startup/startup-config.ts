import {
  familyOf,
  parseAsn,
  parseInterfaceAddress,
  splitCidr,
  tryParseCidr,
  tryParseIp,
  type Asn,
  type Cidr,
  type Family,
  type IpAddress,
} from '@calico-node/net';
import { parseSelector } from '@calico-node/selector';
import { backendValues, parseBackend, type Backend } from '../supervisor/backend.ts';
import { allowedMethods, parseDetectionMethod, type DetectionMethod } from './detection-method.ts';
import { EnvReader, type Variables } from './env-reader.ts';

/** IP or IP6. */
export type AddressSetting =
  | { readonly kind: 'unset' }
  | { readonly kind: 'autodetect' }
  | { readonly kind: 'none' }
  /** Without a prefix length, the interface that has the address gives it. */
  | { readonly kind: 'address'; readonly ip: IpAddress; readonly prefixLength: number | undefined };

export type EncapsulationMode = 'Always' | 'CrossSubnet' | 'Never';

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
  readonly checkConflicts: boolean;
  readonly asNumber: Asn | undefined;
  readonly pools: readonly PoolSetting[];
  readonly clusterType: string;
  readonly waitForDatastore: boolean;
  readonly kubernetesNodeRef: string;
}

function readAddress(reader: EnvReader, name: string, family: Family): AddressSetting {
  const parse = (text: string): AddressSetting | undefined => {
    if (text === 'autodetect' || text === 'none') return { kind: text };
    const bare = tryParseIp(text);
    if (bare !== undefined) {
      return familyOf(bare) === family ? { kind: 'address', ip: bare, prefixLength: undefined } : undefined;
    }
    const { ip, prefixLength } = parseInterfaceAddress(text);
    return familyOf(ip) === family ? { kind: 'address', ip, prefixLength } : undefined;
  };
  return reader.parsed<AddressSetting>(
    name,
    { kind: 'unset' },
    parse,
    `autodetect, none, an IPv${family} address or address/length`,
  );
}

function readMethod(reader: EnvReader, name: string): DetectionMethod {
  return reader.parsed<DetectionMethod>(name, { kind: 'first-found' }, parseDetectionMethod, allowedMethods);
}

const modes: Readonly<Record<string, EncapsulationMode>> = {
  Always: 'Always',
  CrossSubnet: 'CrossSubnet',
  Never: 'Never',
  Off: 'Never',
};

function readSelector(reader: EnvReader, name: string): string {
  const parse = (text: string): string => {
    parseSelector(text);
    return text;
  };
  return reader.parsed(name, 'all()', parse, 'a selector, such as "all()" or "zone == \'west\'"');
}

const poolFields = {
  4: ['CIDR', 'BLOCK_SIZE', 'IPIP', 'VXLAN', 'NAT_OUTGOING', 'NODE_SELECTOR', 'DISABLE_BGP_EXPORT'],
  6: ['CIDR', 'BLOCK_SIZE', 'VXLAN', 'NAT_OUTGOING', 'NODE_SELECTOR', 'DISABLE_BGP_EXPORT'],
} as const;

function readPool(reader: EnvReader, family: Family): PoolSetting {
  const prefix = `CALICO_IPV${family}POOL_`;
  reader.refuseUnknown(
    prefix,
    poolFields[family].map((field) => prefix + field),
  );
  const isNone = reader.text(`${prefix}CIDR`).toLowerCase() === 'none';
  const parseCidr = (text: string): Cidr | undefined => {
    const cidr = tryParseCidr(text);
    return cidr !== undefined && familyOf(cidr) === family ? cidr : undefined;
  };
  const cidr = isNone
    ? undefined
    : reader.parsed<Cidr | undefined>(`${prefix}CIDR`, undefined, parseCidr, `none or an IPv${family} network`);
  const [fallback, least, most] = family === 4 ? [26, 20, 32] : [122, 116, 128];
  const blockSize = reader.integer(`${prefix}BLOCK_SIZE`, fallback, least, most);
  if (cidr !== undefined && splitCidr(cidr).prefixLength > blockSize) {
    reader.problem(`${prefix}BLOCK_SIZE`, String(blockSize), `at least the pool's own prefix length (${cidr})`);
  }
  const ipipMode = family === 4 ? reader.word(`${prefix}IPIP`, 'Never', modes) : 'Never';
  const vxlanMode = reader.word(`${prefix}VXLAN`, 'Never', modes);
  if (ipipMode !== 'Never' && vxlanMode !== 'Never') {
    reader.problem(
      `${prefix}VXLAN`,
      vxlanMode,
      `Never while ${prefix}IPIP is ${ipipMode}: a pool has one encapsulation`,
    );
  }
  return {
    family,
    cidr,
    isDisabled: isNone,
    blockSize,
    ipipMode,
    vxlanMode,
    natOutgoing: reader.flag(`${prefix}NAT_OUTGOING`, family === 4),
    nodeSelector: readSelector(reader, `${prefix}NODE_SELECTOR`),
    disableBgpExport: reader.flag(`${prefix}DISABLE_BGP_EXPORT`, false),
  };
}

function readBackend(reader: EnvReader): Backend {
  const fallback: Backend = reader.flag('CALICO_NETWORKING', true) ? 'native' : 'none';
  return reader.parsed('CALICO_NETWORKING_BACKEND', fallback, parseBackend, `one of ${backendValues.join(', ')}`);
}

/** Variables that others of the node's processes act on; read here so that a mistake shows at once. */
function checkOthers(reader: EnvReader): void {
  const isRouterId = (text: string): string | undefined => {
    const ip = tryParseIp(text);
    return text === 'hash' || (ip !== undefined && familyOf(ip) === 4) ? text : undefined;
  };
  reader.parsed('CALICO_ROUTER_ID', '', isRouterId, 'hash or an IPv4 address');
  const isDuration = (text: string): string | undefined =>
    /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(text) ? text : undefined;
  reader.parsed('AUTODETECT_POLL_INTERVAL', '', isDuration, 'a duration such as 60s or 1m30s');
}

/**
 * Reads and checks the whole environment.
 *
 * @throws ConfigError with each variable's name, value and what is allowed.
 */
export function readStartupConfig(env: Variables): StartupConfig {
  const reader = new EnvReader(env);
  const pools = [readPool(reader, 4), readPool(reader, 6)];
  const hasNoDefaultPools = reader.flag('NO_DEFAULT_POOLS', false);
  if (hasNoDefaultPools) {
    for (const { cidr, family } of pools) {
      if (cidr !== undefined)
        reader.problem(`CALICO_IPV${family}POOL_CIDR`, cidr, 'absent while NO_DEFAULT_POOLS is set');
    }
  }
  checkOthers(reader);
  const config: StartupConfig = {
    backend: readBackend(reader),
    ipv4: readAddress(reader, 'IP', 4),
    ipv6: readAddress(reader, 'IP6', 6),
    ipv4Method: readMethod(reader, 'IP_AUTODETECTION_METHOD'),
    ipv6Method: readMethod(reader, 'IP6_AUTODETECTION_METHOD'),
    checkConflicts: !reader.flag('DISABLE_NODE_IP_CHECK', false),
    asNumber: reader.parsed<Asn | undefined>('AS', undefined, parseAsn, 'an AS number, 1 to 4294967295 or HIGH.LOW'),
    pools: hasNoDefaultPools ? [] : pools.filter((pool) => !pool.isDisabled),
    clusterType: reader.text('CLUSTER_TYPE'),
    waitForDatastore: reader.flag('WAIT_FOR_DATASTORE', false),
    kubernetesNodeRef: reader.text('CALICO_K8S_NODE_REF'),
  };
  reader.throwProblems();
  return config;
}

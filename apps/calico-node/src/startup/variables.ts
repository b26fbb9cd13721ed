import { bgpBackends, type BgpBackend } from '@calico-node/bird';
import {
  familyOf,
  parseAsn,
  parseInterfaceAddress,
  parseNodeName,
  tryParseCidr,
  tryParseIp,
  type Asn,
  type Cidr,
  type Family,
  type IpAddress,
} from '@calico-node/net';
import { parseSelector } from '@calico-node/selector';
import { networkingValues } from '../supervisor/backend.ts';
import { allowedMethods, parseDetectionMethod, type DetectionMethod } from './detection-method.ts';
import { parseDurationMs } from './duration.ts';

/** An environment variable: what it may be, what it means, and how its text becomes a value. */
export interface Variable<T> {
  /** For the documentation: what holds when it is not set. */
  readonly unset: string;
  readonly fallback: T;
  /** Completes "must be". */
  readonly allowed: string;
  /** For the documentation. */
  readonly meaning: string;
  /** Throws or gives undefined for what is not allowed. */
  readonly parse: (text: string) => T | undefined;
}

/** Calico's words for booleans, in any case. */
const falseWords = ['false', '0', 'no', 'n', 'f'];
const trueWords = ['true', '1', 'yes', 'y', 't'];

function boolean(fallback: boolean, meaning: string): Variable<boolean> {
  return {
    unset: String(fallback),
    fallback,
    allowed: `one of ${[...trueWords, ...falseWords].join(', ')}`,
    meaning,
    parse: (text) => {
      const word = text.toLowerCase();
      return trueWords.includes(word) ? true : falseWords.includes(word) ? false : undefined;
    },
  };
}

function integer(fallback: number, least: number, most: number, meaning: string): Variable<number> {
  return {
    unset: String(fallback),
    fallback,
    allowed: `an integer from ${least} to ${most}`,
    meaning,
    parse: (text) => {
      const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
      return value >= least && value <= most ? value : undefined;
    },
  };
}

/** One of the given words, in any case and with or without dashes. */
function word<T>(words: Readonly<Record<string, T>>, unset: string, fallback: T, meaning: string): Variable<T> {
  const plain = (text: string): string => text.toLowerCase().replaceAll('-', '');
  return {
    unset,
    fallback,
    allowed: `one of ${Object.keys(words).join(', ')}`,
    meaning,
    parse: (text) => Object.entries(words).find(([candidate]) => plain(candidate) === plain(text))?.[1],
  };
}

/** A text that fits a pattern as a whole. */
function text(pattern: RegExp, allowed: string, meaning: string, unset = ''): Variable<string> {
  return { unset, fallback: '', allowed, meaning, parse: (value) => (pattern.test(value) ? value : undefined) };
}

function path(unset: string, meaning: string): Variable<string> {
  return text(/^\/[^\0]*$/, 'an absolute path', meaning, unset);
}

function nodeName(meaning: string, unset = ''): Variable<string> {
  const allowed = 'a node name: lower-case letters, digits, - and . (RFC 1123)';
  return { unset, fallback: '', allowed, meaning, parse: (value) => parseNodeName(value) };
}

function duration(unset: string, fallbackMs: number, meaning: string): Variable<number> {
  return { unset, fallback: fallbackMs, allowed: 'a duration such as 60s or 1m30s', meaning, parse: parseDurationMs };
}

/** IP or IP6. */
export type AddressSetting =
  | { readonly kind: 'unset' }
  | { readonly kind: 'autodetect' }
  | { readonly kind: 'none' }
  /** Without a prefix length, the interface that has the address gives it. */
  | { readonly kind: 'address'; readonly ip: IpAddress; readonly prefixLength: number | undefined };

function address(family: Family, unset: string): Variable<AddressSetting> {
  return {
    unset,
    fallback: { kind: 'unset' },
    allowed: `autodetect, none, an IPv${family} address or address/length`,
    meaning: `The node's IPv${family} address.`,
    parse: (value) => {
      if (value === 'autodetect' || value === 'none') return { kind: value };
      const bare = tryParseIp(value);
      if (bare !== undefined) {
        return familyOf(bare) === family ? { kind: 'address', ip: bare, prefixLength: undefined } : undefined;
      }
      const { ip, prefixLength } = parseInterfaceAddress(value);
      return familyOf(ip) === family ? { kind: 'address', ip, prefixLength } : undefined;
    },
  };
}

function method(family: Family): Variable<DetectionMethod> {
  return {
    unset: 'first-found',
    fallback: { kind: 'first-found' },
    allowed: allowedMethods,
    meaning: `How the IPv${family} address is looked for.`,
    parse: parseDetectionMethod,
  };
}

const asNumber: Variable<Asn | undefined> = {
  unset: "the cluster's",
  fallback: undefined,
  allowed: 'an AS number, 1 to 4294967295 or HIGH.LOW',
  meaning: "The node's own AS number.",
  // RFC 7607: nobody speaks for AS 0.
  parse: (value) => {
    const asn = parseAsn(value);
    return asn > 0 ? asn : undefined;
  },
};

const routerId: Variable<string> = {
  unset: 'the IPv4 address',
  fallback: '',
  allowed: 'hash or an IPv4 address',
  meaning: 'The BGP identifier; `hash` makes it from the name, for nodes without IPv4.',
  parse: (value) => {
    const ip = tryParseIp(value);
    return value === 'hash' || (ip !== undefined && familyOf(ip) === 4) ? value : undefined;
  },
};

const clusterIps: Variable<string> = {
  unset: "BGPConfiguration's",
  fallback: '',
  allowed: 'networks with commas between',
  meaning: "The networks of services' cluster IPs that are announced; before BGPConfiguration's.",
  parse: (value) => (value.split(',').every((one) => tryParseCidr(one.trim()) !== undefined) ? value : undefined),
};

/** Calico's names of log levels, and ours. */
const severities = {
  DEBUG: 'debug',
  INFO: 'info',
  WARNING: 'warn',
  WARN: 'warn',
  ERROR: 'error',
  FATAL: 'fatal',
  PANIC: 'fatal',
  NONE: 'fatal',
} as const;

export type EncapsulationMode = 'Always' | 'CrossSubnet' | 'Never';

const modes: Readonly<Record<string, EncapsulationMode>> = {
  Always: 'Always',
  CrossSubnet: 'CrossSubnet',
  Never: 'Never',
  Off: 'Never',
};

/** A pool's network; `none` for no pool, undefined to choose one. */
function poolCidr(family: Family, unset: string): Variable<Cidr | 'none' | undefined> {
  return {
    unset,
    fallback: undefined,
    allowed: `none or an IPv${family} network`,
    meaning: `The network of the default IPv${family} pool, made where there is no pool of the family.`,
    parse: (value) => {
      if (value.toLowerCase() === 'none') return 'none';
      const cidr = tryParseCidr(value);
      return cidr !== undefined && familyOf(cidr) === family ? cidr : undefined;
    },
  };
}

const nodeSelector: Variable<string> = {
  unset: 'all()',
  fallback: 'all()',
  allowed: 'a selector, such as "all()" or "zone == \'west\'"',
  meaning: 'The nodes that the pool is for.',
  parse: (value) => {
    parseSelector(value);
    return value;
  },
};

const vxlan = word(modes, 'Never', 'Never', 'Whether packets of the pool travel in VXLAN.');
const natOutgoing = 'Whether packets that leave the pools get the node as their source.';
const disableBgpExport = boolean(false, 'Whether BGP keeps the pool to itself.');

/** The variables of the default pools, each behind `CALICO_IPV4POOL_` or `CALICO_IPV6POOL_`. */
export const poolVariables = {
  4: {
    CIDR: poolCidr(4, "kubeadm's, else 192.168.0.0/16, or a free 172.x.0.0/16 if the host has part of it"),
    BLOCK_SIZE: integer(26, 20, 32, 'The prefix length of blocks.'),
    IPIP: word(modes, 'Never', 'Never', 'Whether packets of the pool travel in IP-in-IP.'),
    VXLAN: vxlan,
    NAT_OUTGOING: boolean(true, natOutgoing),
    NODE_SELECTOR: nodeSelector,
    DISABLE_BGP_EXPORT: disableBgpExport,
  },
  6: {
    CIDR: poolCidr(6, "kubeadm's, else a random fdxx:…::/48"),
    BLOCK_SIZE: integer(122, 116, 128, 'The prefix length of blocks.'),
    VXLAN: vxlan,
    NAT_OUTGOING: boolean(false, natOutgoing),
    NODE_SELECTOR: nodeSelector,
    DISABLE_BGP_EXPORT: disableBgpExport,
  },
} as const;

const aWord = /^\S+$/;
const seconds = /^\d+(?:\.\d+)?$/;

/** How calico/node's own parts find Typha, each behind `CALICO_TYPHA`. Nothing here asks Typha. */
export const typhaVariables = {
  ADDR: text(/^\S+:\d+$/, 'host:port', 'Where Typha is.'),
  K8SSERVICENAME: text(/^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/, 'the name of a service, or none', 'Its service.'),
  K8SNAMESPACE: text(/^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/, 'a namespace', 'Where that is.', 'kube-system'),
  READTIMEOUT: text(seconds, 'a number of seconds', 'How long to wait for it.', '30'),
  WRITETIMEOUT: text(seconds, 'a number of seconds', 'How long to try to tell it something.', '10'),
  CAFILE: path('', "The authority of Typha's certificate."),
  CERTFILE: path('', "The node's certificate."),
  KEYFILE: path('', 'Its key.'),
  CN: text(aWord, 'a common name', "What Typha's certificate has."),
  URISAN: text(aWord, 'a URI', "What Typha's certificate has."),
} as const;

/** What start-up and the supervisor take from the environment (calico/node's variables), besides the pools'. */
export const nodeVariables = {
  NODENAME: nodeName("The node's name.", 'the node name file, HOSTNAME, the host name'),
  CALICO_NODENAME_FILE: path(
    '/var/lib/calico/nodename',
    'Where the name is kept for the CNI plug-in and the next start.',
  ),
  CALICO_K8S_NODE_REF: nodeName("This node's name in Kubernetes; noted in the Node, with the conditions set there."),
  IP: address(4, 'what is stored, else autodetect'),
  IP6: address(6, 'what is stored'),
  IP_AUTODETECTION_METHOD: method(4),
  IP6_AUTODETECTION_METHOD: method(6),
  AUTODETECT_POLL_INTERVAL: duration('60s', 60_000, 'How often an address that is detected is looked for anew.'),
  DISABLE_NODE_IP_CHECK: boolean(false, 'Whether two nodes may have one address.'),
  AS: asNumber,
  CALICO_ROUTER_ID: routerId,
  CALICO_NETWORKING: boolean(true, 'The older form: false for the back end `none`.'),
  CALICO_NETWORKING_BACKEND: {
    unset: 'native',
    fallback: undefined,
    allowed: `one of ${networkingValues.join(', ')}`,
    meaning:
      'How routes get to other nodes: by BGP, spoken by BIRD 2 (`bird`) or our own daemon (`native`), or without.',
    parse: (value) => networkingValues.find((known) => known === value),
  } satisfies Variable<(typeof networkingValues)[number] | undefined>,
  CALICO_BGP_BACKEND: {
    unset: 'as CALICO_NETWORKING_BACKEND',
    fallback: undefined,
    allowed: `one of ${bgpBackends.join(', ')}`,
    meaning: 'Which program speaks BGP where CALICO_NETWORKING_BACKEND is `bird`, or not set.',
    parse: (value) => bgpBackends.find((known) => known === value),
  } satisfies Variable<BgpBackend | undefined>,
  CALICO_ADVERTISE_CLUSTER_IPS: clusterIps,
  NO_DEFAULT_POOLS: boolean(false, 'Whether no pools are made; refused together with a pool network.'),
  CLUSTER_TYPE: text(
    /^[A-Za-z0-9_.-]+(?:,[A-Za-z0-9_.-]+)*$/,
    'words with commas between',
    'What kind of cluster this is, for ClusterInformation; `kubeadm` and `rancher` are added where found.',
  ),
  WAIT_FOR_DATASTORE: boolean(false, 'Whether start-up waits for a datastore that does not answer.'),
  CALICO_STARTUP_LOGLEVEL: word(severities, 'as CALICO_LOG_LEVEL', undefined, 'What start-up logs.'),
  BGP_LOGSEVERITYSCREEN: word(severities, 'as CALICO_LOG_LEVEL', undefined, 'What confd logs.'),
  CALICO_DISABLE_FILE_LOGGING: boolean(true, 'Checked: logs go to standard error, and to no files.'),
  CALICO_DISABLE_FELIX: {
    unset: '',
    fallback: false,
    allowed: `one of ${trueWords.join(', ')}, or not set: any value disables Felix`,
    meaning: 'Set to leave Felix out.',
    parse: (value) => (trueWords.includes(value.toLowerCase()) ? true : undefined),
  } satisfies Variable<boolean>,
  CALICO_LIBNETWORK_ENABLED: boolean(false, "Whether Docker's network and IPAM drivers run."),
  CALICO_MANAGE_CNI: boolean(true, "Whether the token in the CNI plug-ins' kubeconfig is kept fresh; in Kubernetes."),
  CALICO_CNI_SERVICE_ACCOUNT: nodeName('Whose token that is.', 'calico-cni-plugin'),
  CNI_TOKEN_REFRESH_INTERVAL: {
    unset: "a quarter of the token's life",
    fallback: '',
    allowed: 'a number of seconds, or with one of the units ms, s, m, h',
    meaning: 'How often it is renewed.',
    parse: (value) => (/^\d+(?:ms|s|m|h)?$/.test(value) ? value : undefined),
  } satisfies Variable<string>,
  CALICO_SHUTDOWN_TIMESTAMP_FILE: path('/var/lib/calico/shutdownTS', 'Where `-shutdown` notes its time.'),
  CALICO_EARLY_NETWORKING: path(
    '',
    "A file of kind EarlyNetworkConfiguration: the host's stable address and BGP with its ToRs, before anything else.",
  ),
  KUBECONFIG: text(
    /^[^\0]+$/,
    'the path of a kubeconfig file',
    "How to reach the Kubernetes API; a pod's own way when unset.",
  ),
  NODE_USER_ID: integer(1000, 0, 4294967294, 'The user that `-hostpath-init` gives the directories on the host to.'),
  USE_POD_CIDR: boolean(false, 'Whether Kubernetes gives the pod networks; tunnels get no addresses then.'),
  KUBERNETES_SERVICE_HOST: text(/^[A-Za-z0-9.:-]+$/, 'a host name or address', 'The Kubernetes API.'),
  KUBERNETES_SERVICE_PORT: integer(443, 1, 65535, "The Kubernetes API's port."),
  VXLAN_VNI: integer(4096, 1, 16777215, 'Checked; a variable of Windows nodes. FelixConfiguration has it here.'),
} as const;

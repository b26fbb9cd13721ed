import { ConfigError } from '@calico-node/service';
import { describe, expect, test } from 'vitest';
import { readStartupConfig } from './startup-config.ts';
import { nodeVariables, poolVariables, typhaVariables, type Variable } from './variables.ts';

/** For each variable: values with what they become, and values that are refused. */
interface Examples {
  readonly accepted: readonly (readonly [text: string, value: unknown])[];
  readonly refused: readonly string[];
}

const booleans: Examples = {
  accepted: [
    ['true', true],
    ['Yes', true],
    ['1', true],
    ['T', true],
    ['false', false],
    ['0', false],
    ['N', false],
  ],
  refused: ['maybe', '2', 'on'],
};
const names: Examples = { accepted: [['node-1.example', 'node-1.example']], refused: ['Node 1', 'a/b', '-a'] };
const paths: Examples = { accepted: [['/x/y', '/x/y']], refused: ['y', './x'] };
const modes: Examples = {
  accepted: [
    ['Always', 'Always'],
    ['cross-subnet', 'CrossSubnet'],
    ['Off', 'Never'],
    ['never', 'Never'],
  ],
  refused: ['Sometimes', 'true'],
};
const severities: Examples = {
  accepted: [
    ['DEBUG', 'debug'],
    ['warning', 'warn'],
    ['none', 'fatal'],
  ],
  refused: ['LOUD', '3'],
};
const selectors: Examples = { accepted: [["zone == 'west'", "zone == 'west'"]], refused: ['zone ==', ')('] };

const nodeExamples: Readonly<Record<keyof typeof nodeVariables, Examples>> = {
  NODENAME: names,
  CALICO_NODENAME_FILE: paths,
  CALICO_K8S_NODE_REF: names,
  IP: {
    accepted: [
      ['autodetect', { kind: 'autodetect' }],
      ['none', { kind: 'none' }],
      ['10.0.0.5', { kind: 'address', ip: '10.0.0.5', prefixLength: undefined }],
      ['10.0.0.5/24', { kind: 'address', ip: '10.0.0.5', prefixLength: 24 }],
    ],
    refused: ['10.0.0.256', 'fd00::1', '10.0.0.5/33', 'eth0'],
  },
  IP6: {
    accepted: [
      ['autodetect', { kind: 'autodetect' }],
      ['fd00::5/64', { kind: 'address', ip: 'fd00::5', prefixLength: 64 }],
    ],
    refused: ['10.0.0.1', 'fd00::5/129'],
  },
  IP_AUTODETECTION_METHOD: {
    accepted: [
      ['first-found', { kind: 'first-found' }],
      ['can-reach=8.8.8.8', { kind: 'can-reach', destination: '8.8.8.8' }],
      ['interface=eth.*,ens5', { kind: 'interface', include: [/eth.*/, /ens5/] }],
      ['skip-interface=wlan.*', { kind: 'skip-interface', exclude: [/wlan.*/] }],
      ['cidr=10.0.0.0/8,172.16.0.0/12', { kind: 'cidr', cidrs: ['10.0.0.0/8', '172.16.0.0/12'] }],
      ['kubernetes-internal-ip', { kind: 'kubernetes-internal-ip' }],
    ],
    refused: ['best', 'can-reach', 'can-reach=', 'interface=[', 'skip-interface=', 'cidr=10.0.0.0', 'first-found=x'],
  },
  IP6_AUTODETECTION_METHOD: { accepted: [['cidr=fd00::/8', { kind: 'cidr', cidrs: ['fd00::/8'] }]], refused: ['best'] },
  AUTODETECT_POLL_INTERVAL: {
    refused: ['60', 'soon', '-1s'],
    accepted: [
      ['60s', 60_000],
      ['1m30s', 90_000],
      ['250ms', 250],
    ],
  },
  DISABLE_NODE_IP_CHECK: booleans,
  AS: {
    accepted: [
      ['65001', 65001],
      ['1.10', 65546],
      ['4294967295', 4294967295],
    ],
    refused: ['4294967296', '0', 'AS1', '1.65536'],
  },
  CALICO_ROUTER_ID: {
    accepted: [
      ['hash', 'hash'],
      ['10.0.0.1', '10.0.0.1'],
    ],
    refused: ['fd00::1', 'random'],
  },
  CALICO_NETWORKING: booleans,
  CALICO_NETWORKING_BACKEND: {
    accepted: ['bird', 'native', 'vxlan', 'none'].map((value) => [value, value]),
    refused: ['ospf', 'windows-bgp', 'BIRD'],
  },
  CALICO_BGP_BACKEND: { accepted: ['native', 'bird'].map((value) => [value, value]), refused: ['gobgp', 'frr'] },
  CALICO_ADVERTISE_CLUSTER_IPS: {
    accepted: [['10.96.0.0/12,fd00::/112', '10.96.0.0/12,fd00::/112']],
    refused: ['10.96.0.1', '10.96.0.0/12,x'],
  },
  NO_DEFAULT_POOLS: booleans,
  CLUSTER_TYPE: { accepted: [['k8s,bgp', 'k8s,bgp']], refused: ['k8s, bgp', 'a,,b', 'a"b'] },
  WAIT_FOR_DATASTORE: booleans,
  CALICO_STARTUP_LOGLEVEL: severities,
  BGP_LOGSEVERITYSCREEN: severities,
  CALICO_DISABLE_FILE_LOGGING: booleans,
  CALICO_DISABLE_FELIX: { accepted: [['true', true]], refused: ['false', 'no', 'x'] },
  CALICO_LIBNETWORK_ENABLED: booleans,
  CALICO_MANAGE_CNI: booleans,
  CALICO_CNI_SERVICE_ACCOUNT: names,
  CNI_TOKEN_REFRESH_INTERVAL: {
    accepted: [
      ['90', '90'],
      ['1h', '1h'],
    ],
    refused: ['soon', '1m30s', '-1s'],
  },
  CALICO_SHUTDOWN_TIMESTAMP_FILE: paths,
  CALICO_EARLY_NETWORKING: paths,
  KUBECONFIG: { accepted: [['/etc/kubeconfig', '/etc/kubeconfig']], refused: ['/a\0b'] },
  NODE_USER_ID: { accepted: [['999', 999]], refused: ['calico', '-1', '4294967295'] },
  USE_POD_CIDR: booleans,
  KUBERNETES_SERVICE_HOST: {
    accepted: [
      ['10.96.0.1', '10.96.0.1'],
      ['api.cluster', 'api.cluster'],
    ],
    refused: ['https://api', 'a b'],
  },
  KUBERNETES_SERVICE_PORT: { accepted: [['6443', 6443]], refused: ['0', '65536', 'https'] },
  VXLAN_VNI: { accepted: [['4097', 4097]], refused: ['0', '16777216', 'x'] },
};

const poolExamples: Readonly<Record<keyof (typeof poolVariables)[4], Examples>> = {
  CIDR: {
    accepted: [
      ['10.65.0.0/16', '10.65.0.0/16'],
      ['None', 'none'],
    ],
    refused: ['10.65.0.0', '10.65.0.1/16', 'fd00::/48'],
  },
  BLOCK_SIZE: { accepted: [['24', 24]], refused: ['19', '33', 'x', '26.5'] },
  IPIP: modes,
  VXLAN: modes,
  NAT_OUTGOING: booleans,
  NODE_SELECTOR: selectors,
  DISABLE_BGP_EXPORT: booleans,
};

const pool6Examples: Readonly<Record<keyof (typeof poolVariables)[6], Examples>> = {
  ...poolExamples,
  CIDR: { accepted: [['fd01::/48', 'fd01::/48']], refused: ['10.65.0.0/16', 'fd01::'] },
  BLOCK_SIZE: { accepted: [['124', 124]], refused: ['64', '129'] },
};

const serviceNames: Examples = { accepted: [['calico-typha', 'calico-typha']], refused: ['Typha', 'a/b'] };
const texts: Examples = { accepted: [['typha-server', 'typha-server']], refused: ['a b'] };
const numbers: Examples = { accepted: [['2.5', '2.5']], refused: ['2s', 'soon'] };

const typhaExamples: Readonly<Record<keyof typeof typhaVariables, Examples>> = {
  ADDR: { accepted: [['typha:5473', 'typha:5473']], refused: ['typha', 'a b:1'] },
  K8SSERVICENAME: serviceNames,
  K8SNAMESPACE: serviceNames,
  READTIMEOUT: numbers,
  WRITETIMEOUT: numbers,
  CAFILE: paths,
  CERTFILE: paths,
  KEYFILE: paths,
  CN: texts,
  URISAN: texts,
};

function entries(
  prefix: string,
  variables: Readonly<Record<string, Variable<unknown>>>,
  examples: Readonly<Record<string, Examples>>,
): (readonly [string, Variable<unknown>, Examples])[] {
  return Object.entries(variables).map(([name, variable]) => [prefix + name, variable, examples[name]!]);
}

describe.each([
  ...entries('', nodeVariables, nodeExamples),
  ...entries('CALICO_IPV4POOL_', poolVariables[4], poolExamples),
  ...entries('CALICO_IPV6POOL_', poolVariables[6], pool6Examples),
  ...entries('CALICO_TYPHA', typhaVariables, typhaExamples),
])('%s', (name, variable, { accepted, refused }) => {
  test.each(accepted)('understands %j', (text, value) => {
    expect(variable.parse(text)).toEqual(value);
  });

  test.each(refused)('refuses %j with its name, the value and what is allowed', (text) => {
    const read = (): unknown => readStartupConfig({ [name]: text });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(`${name}='${text}': must be ${variable.allowed}`);
  });
});

import { hostname } from 'node:os';
import { bgpBackendOf } from '@calico-node/bird';
import { familyOf, tryParseIp } from '@calico-node/net';
import { ConfigError, nodePaths, type ServiceContext } from '@calico-node/service';
import type { RenderOptions } from './derive/resources.ts';
import { secretsIn } from './secrets.ts';

/** Where Calico has BIRD's files. */
const DEFAULT_BIRD_DIRECTORY = '/etc/calico/confd/config';

/** Where Calico has confd's templates. */
const DEFAULT_CONFD_DIRECTORY = '/etc/calico/confd';

/** Whom the configuration is for. */
export type Target =
  | {
      readonly backend: 'native';
      /** Where the BGP daemon listens. */
      readonly socket: string;
    }
  | {
      readonly backend: 'bird';
      readonly directory: string;
      /** Where the BIRDs have their control sockets. */
      readonly controlDir: string;
      readonly reloadCommand: string | undefined;
      /** Where operators' templates are: `conf.d` and `templates`. */
      readonly confdDir: string;
      /** Files stay where they are staged, for whoever looks why they are refused. */
      readonly keepsStaged: boolean;
    };

export interface ConfdConfig {
  readonly render: RenderOptions;
  readonly target: Target;
  /** Render once and exit: print the configuration, or write the files without telling anybody. */
  readonly isOneTime: boolean;
}

type Sources = Pick<ServiceContext, 'option' | 'flag' | 'env'>;

/** Reads flags and environment. Throws ConfigError. */
export function readConfig(sources: Sources): ConfdConfig {
  const { option, flag, env } = sources;
  const nodeName = option('node-name') ?? hostname().trim().toLowerCase();
  const routerId = env['CALICO_ROUTER_ID'];
  if (routerId !== undefined && routerId !== '' && routerId !== 'hash') {
    const ip = tryParseIp(routerId);
    if (ip === undefined || familyOf(ip) !== 4) {
      throw new ConfigError(`CALICO_ROUTER_ID is "${routerId}": give an IPv4 address, or "hash"`);
    }
  }
  const clusterIps = env['CALICO_ADVERTISE_CLUSTER_IPS'];
  const secrets = option('secrets');
  return {
    render: {
      nodeName,
      routerId,
      advertiseClusterIps: clusterIps === undefined || clusterIps === '' ? undefined : clusterIps.split(','),
      secretOf: secrets === undefined ? undefined : secretsIn(secrets),
    },
    target: readTarget(sources),
    isOneTime: flag('onetime'),
  };
}

function readTarget({ option, flag, env }: Sources): Target {
  const backend = option('backend') ?? bgpBackendOf(env) ?? 'native';
  const directory = option('bird');
  if (backend !== 'native' && backend !== 'bird') {
    throw new ConfigError(`--backend (CALICO_BGP_BACKEND) is "${backend}": give native or bird`);
  }
  const isOneTime = flag('onetime');
  if (backend === 'native' && !(isOneTime && directory !== undefined)) {
    if (directory === undefined) return { backend, socket: option('socket') ?? nodePaths(env).bgpSocket };
    throw new ConfigError('--bird DIR needs --backend bird (CALICO_BGP_BACKEND=bird), or --onetime');
  }
  const networking = env['CALICO_NETWORKING_BACKEND'] ?? '';
  if (!isOneTime && networking !== '' && networking !== 'bird') {
    throw new ConfigError(`the back end bird has nothing to do where CALICO_NETWORKING_BACKEND is "${networking}"`);
  }
  return {
    backend: 'bird',
    directory: directory ?? env['CALICO_BIRD_CONFIG_DIR'] ?? DEFAULT_BIRD_DIRECTORY,
    controlDir: nodePaths(env).runDir,
    reloadCommand: option('bird-reload'),
    confdDir: option('confdir') ?? DEFAULT_CONFD_DIRECTORY,
    keepsStaged: flag('keep-stage-file'),
  };
}

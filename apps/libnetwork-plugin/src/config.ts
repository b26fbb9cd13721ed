import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { isDatastoreError, loadDatastoreConfig, type DatastoreConfig } from '@calico-node/datastore';
import { parseGoDuration } from '@calico-node/model';
import { NetParseError, parseNodeName, type NodeName } from '@calico-node/net';
import { ConfigError, nodePaths, type ServiceContext } from '@calico-node/service';
import { interfacePrefix } from '@calico-node/workload';
import { parseDockerHost, type DockerHost } from './labels/docker-client.ts';

export interface NetworkConfig {
  readonly scope: 'local' | 'global';
  /** What the names of interfaces inside containers start with. */
  readonly containerPrefix: string;
  /** What the names of interfaces on the host start with: Felix's first prefix. */
  readonly hostPrefix: string;
  readonly createsProfiles: boolean;
  /** Undefined: the node's MTU file says it. */
  readonly vethMtu: number | undefined;
  readonly mtuFile: string;
  readonly felixSocket: string;
  /** How long a Join waits for Felix at most; 0 not to wait. */
  readonly policyTimeoutMs: number;
}

export interface LabelConfig {
  readonly docker: DockerHost;
  readonly timeoutMs: number;
}

export interface PluginConfig {
  readonly node: NodeName;
  readonly networkSocket: string;
  readonly ipamSocket: string;
  /** The node's IPAM service. */
  readonly ipamServiceSocket: string;
  readonly network: NetworkConfig;
  /** Undefined: containers' labels are not copied. */
  readonly labels: LabelConfig | undefined;
  /** How long an endpoint may be without an interface before it counts as forgotten. */
  readonly graceMs: number;
  readonly datastore: DatastoreConfig;
}

type Options = Pick<ServiceContext, 'option' | 'env'>;

/** The name that calico-node settled on at its start. */
function nodeNameOfFile(path: string): string | undefined {
  try {
    const name = readFileSync(path, 'utf8').trim();
    return name === '' ? undefined : name;
  } catch {
    return undefined;
  }
}

function flagOf({ option }: Options, name: string): boolean {
  const value = option(name) ?? '';
  if (value === 'true' || value === 'false') return value === 'true';
  throw new ConfigError(`${name} '${value}' is not true or false`);
}

function milliseconds({ option }: Options, name: string): number {
  const value = option(name) ?? '';
  const nanoseconds = parseGoDuration(value);
  if (nanoseconds === undefined || nanoseconds < 0n) throw new ConfigError(`${name} '${value}' is no duration like 5s`);
  return Number(nanoseconds / 1_000_000n);
}

function mtuOf({ option }: Options): number | undefined {
  const value = option('veth-mtu');
  if (value === undefined) return undefined;
  const mtu = /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN;
  if (!(mtu >= 68 && mtu <= 65535)) throw new ConfigError(`veth-mtu '${value}' is not from 68 to 65535`);
  return mtu;
}

function prefixOf({ option }: Options): string {
  const value = option('interface-prefix') ?? '';
  // Docker appends a number, and the kernel takes 15 characters.
  if (!/^[a-zA-Z0-9]{1,11}$/.test(value)) {
    throw new ConfigError(`interface-prefix '${value}' is not 1 to 11 letters and digits`);
  }
  return value;
}

function labelsOf(options: Options): LabelConfig | undefined {
  if (!flagOf(options, 'label-endpoints')) return undefined;
  const value = options.option('docker-host') ?? '';
  const docker = parseDockerHost(value);
  if (docker === undefined) throw new ConfigError(`docker-host '${value}' is not unix:///PATH or tcp://HOST:PORT`);
  return { docker, timeoutMs: milliseconds(options, 'label-poll-timeout') };
}

/** Reads flags and environment. @throws ConfigError naming what is wrong. */
export function readConfig(options: Options): PluginConfig {
  const { option, env } = options;
  const paths = nodePaths(env);
  const scope = option('scope');
  if (scope !== 'local' && scope !== 'global') throw new ConfigError(`scope '${scope ?? ''}' is not local or global`);
  const name = option('node-name') ?? nodeNameOfFile(paths.nodenameFile) ?? env['HOSTNAME'] ?? hostname();
  try {
    return {
      node: parseNodeName(name.trim().toLowerCase()),
      networkSocket: option('network-socket') ?? '',
      ipamSocket: option('ipam-socket') ?? '',
      ipamServiceSocket: paths.ipamSocket,
      network: {
        scope,
        containerPrefix: prefixOf(options),
        hostPrefix: interfacePrefix(env),
        createsProfiles: flagOf(options, 'create-profiles'),
        vethMtu: mtuOf(options),
        mtuFile: paths.mtuFile,
        felixSocket: paths.felixSocket,
        policyTimeoutMs: milliseconds(options, 'policy-timeout'),
      },
      labels: labelsOf(options),
      graceMs: milliseconds(options, 'forgotten-after'),
      datastore: loadDatastoreConfig({ env }),
    };
  } catch (error) {
    if (isDatastoreError(error, 'config') || error instanceof NetParseError) {
      throw new ConfigError(error.message, { cause: error });
    }
    throw error;
  }
}

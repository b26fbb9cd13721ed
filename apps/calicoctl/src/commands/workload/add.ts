import { existsSync } from 'node:fs';
import { isDatastoreError } from '@calico-node/datastore';
import { familyOf, hostCidr, parseCidr, tryParseCidr } from '@calico-node/net';
import {
  FelixTimeout,
  goTimeString,
  ipv4Gateway,
  ipv6Gateway,
  networkProfile,
  type AddressWish,
  type StandaloneAttached,
  type Target,
} from '@calico-node/workload';
import { CommandError, type Io } from '../../io.ts';
import type { Session } from '../../session.ts';
import { readLabels, readMac, readMtu, readSeconds, readTarget, readWantedIps, requirePrefix } from './arguments.ts';
import { fileText, withLocalNode, type LocalNode, type WorkloadOptions } from './node.ts';

export interface WorkloadAddOptions extends WorkloadOptions {
  readonly netns?: string;
  readonly pid?: string;
  readonly tap?: string;
  readonly ip?: readonly string[];
  readonly pool?: readonly string[];
  readonly ipv6?: boolean;
  readonly label?: readonly string[];
  readonly network?: string;
  readonly profile?: readonly string[];
  readonly mac?: string;
  readonly mtu?: string;
  readonly timeout: string;
}

const defaultNetwork = 'workloads';
const ethernetMtu = 1500;

/** How long addresses, interface and store may take, besides the wait for Felix. */
const storeLimitMs = 60_000;

/** `calicoctl workload add`: may be repeated, and says where the workload is reached. */
export async function workloadAdd(options: WorkloadAddOptions, io: Io): Promise<void> {
  const target = readTarget(options, readMac(options.mac));
  const labels = readLabels(options.label ?? []);
  const wanted = readWantedIps(options.ip ?? []);
  const timeoutMs = readSeconds(options.timeout) * 1000;
  const givenMtu = readMtu(options.mtu);
  if (wanted.length > 0 && (options.pool !== undefined || options.ipv6 === true)) {
    throw new CommandError('--ip names the addresses: --pool and --ipv6 do not go with it');
  }
  if (options.network !== undefined && options.profile !== undefined) {
    throw new CommandError('a workload has a --network or --profile, not both');
  }
  const attached = await withLocalNode(options, io, async (node) => {
    const { paths, endpoints, id, prefixes } = node;
    const felix = timeoutMs === 0 ? undefined : { socket: paths.felixSocket, timeoutMs };
    if (target.type === 'tap') requirePrefix(target.device, prefixes);
    if (felix !== undefined && !existsSync(felix.socket)) {
      throw new CommandError(
        `felix is not running (there is no ${felix.socket}): the workload would have no policy; --timeout 0 goes on`,
      );
    }
    const signal = AbortSignal.timeout(timeoutMs + storeLimitMs);
    if (!(await endpoints.isReady({ signal }))) {
      throw new CommandError('the datastore is not ready: no node has started yet, or it is locked');
    }
    const addresses: AddressWish =
      wanted.length > 0
        ? { type: 'these', ips: wanted }
        : await wishOf(node, options.pool ?? [], options.ipv6 === true);
    const profiles = await profilesOf(node, options, signal);
    const attributes = { node: id.node, timestamp: goTimeString(io.now()) };
    const mtu = givenMtu ?? Number(fileText(paths.mtuFile) ?? ethernetMtu);
    try {
      const request = { id, target, addresses, attributes, profiles, labels, mtu, prefixes, felix };
      return await node.workloads.attach(request, signal);
    } catch (error) {
      if (error instanceof FelixTimeout) throw new CommandError(error.message, { cause: error });
      throw error;
    }
  });
  io.out(describe(attached, target));
}

/** An address of each family that the pools have; without pools an IPv4 one, and an IPv6 one if asked for. */
async function wishOf({ resources }: Session, pools: readonly string[], ipv6: boolean): Promise<AddressWish> {
  const byFamily: Record<4 | 6, string[]> = { 4: [], 6: [] };
  if (pools.length > 0) {
    const { items } = await resources.list('IPPool');
    for (const wanted of pools) {
      const cidr = tryParseCidr(wanted);
      const pool = items.find(({ metadata, spec }) =>
        cidr === undefined ? metadata.name === wanted : tryParseCidr(spec.cidr) === cidr,
      );
      if (pool === undefined) throw new CommandError(`there is no IP pool ${wanted}`);
      byFamily[familyOf(parseCidr(pool.spec.cidr))].push(wanted);
    }
  }
  return {
    type: 'any',
    ipv4: pools.length === 0 || byFamily[4].length > 0 ? 1 : 0,
    ipv6: ipv6 || byFamily[6].length > 0 ? 1 : 0,
    ipv4Pools: byFamily[4],
    ipv6Pools: byFamily[6],
  };
}

/** The profiles that it is to have: those named, which must exist, or its network's, made when it does not. */
async function profilesOf(
  { resources, endpoints }: LocalNode,
  { network = defaultNetwork, profile }: WorkloadAddOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (profile === undefined) {
    await endpoints.ensureProfile(networkProfile(network), { signal });
    return [network];
  }
  for (const name of profile) {
    try {
      await resources.get('Profile', name, undefined, { signal });
    } catch (error) {
      if (isDatastoreError(error, 'not-found')) throw new CommandError(`there is no profile ${name}`, { cause: error });
      throw error;
    }
  }
  return profile;
}

/** Where it is, and, for a machine, what it has to set itself. */
function describe({ ips, endpoint }: StandaloneAttached, target: Target): string {
  const { namespace = 'default' } = endpoint.metadata;
  const { workload = '', node = '', interfaceName = '', endpoint: name = '' } = endpoint.spec;
  const lines = [`Attached ${namespace}/${workload} on ${node}: ${ips.join(', ')} (${interfaceName})`];
  if (target.type === 'netns') lines.push(`Its interface ${name} is up in ${target.path}`);
  else {
    const gateways = ips.map((ip) => `${hostCidr(ip)} via ${familyOf(ip) === 4 ? ipv4Gateway : ipv6Gateway}`);
    lines.push(`Set in the machine, the gateway as on-link: ${gateways.join(', ')}`);
  }
  return `${lines.join('\n')}\n`;
}

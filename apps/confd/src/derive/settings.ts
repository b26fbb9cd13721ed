import { normalPriority, parseCommunity } from '@calico-node/bgp';
import type { BGPConfiguration } from '@calico-node/model';
import { tryParseIp, type Cidr, type Family, type IpAddress } from '@calico-node/net';
import { compareText, givenAsn, readCidr, type BgpResources, type Complain } from './resources.ts';
import { wholeSeconds } from './duration.ts';
import { readPassword, type SecretLookup } from './password.ts';

/** Calico's default AS number for nodes that set none. */
const DEFAULT_ASN = 64512;

export type LogLevel = 'none' | 'info' | 'debug';

/** A prefix that is announced with communities, each in Calico's notation: `a:b` or `a:b:c`. */
export interface AdvertisedPrefix {
  readonly prefix: Cidr;
  readonly communities: readonly string[];
}

/** What the `default` BGPConfiguration and the rendering node's own (`node.<name>`) come to. */
export interface Settings {
  /** The AS number of every node that has none of its own. */
  readonly globalAsn: number;
  readonly isMeshEnabled: boolean;
  /** Graceful restart time for mesh sessions in seconds; 0: the daemon's default. */
  readonly meshRestartSeconds: number;
  /** TCP MD5 for mesh sessions; empty: none. */
  readonly meshPassword: string;
  readonly bindsToNodeIp: boolean;
  readonly logLevel: LogLevel;
  readonly ignoredInterfaces: readonly string[];
  /** The addresses that workloads of the node peer with. */
  readonly workloadPeering: Readonly<Record<Family, IpAddress | undefined>>;
  readonly prefixCommunities: readonly AdvertisedPrefix[];
  /** Whether routes within pools without encapsulation are the BGP daemon's to program. */
  readonly programsPlainPools: boolean;
  /** Whether those within IPIP pools are. */
  readonly programsIpipPools: boolean;
  /** Whether somebody said whose these routes are. */
  readonly saysWhoPrograms: boolean;
  readonly serviceClusterIps: readonly string[];
  readonly serviceExternalIps: readonly string[];
  readonly serviceLoadBalancerIps: readonly string[];
  readonly aggregatesLoadBalancerIps: boolean;
  /** The kernel metric of usual routes; Felix's has to be the same. */
  readonly normalPriority: Readonly<Record<Family, number>>;
  /** The port of nodes that set none; 0: 179. */
  readonly globalListenPort: number;
  /** The port a node listens on; 0: 179. */
  listenPortOf(nodeName: string): number;
}

/**
 * Reads the two configurations. Of the node's own only those fields count that confd reads per node
 * (calico-confd 6.2): listen port, log level, bind mode, ignored interfaces and advertisements.
 */
export function settingsFor(
  nodeName: string,
  configurations: BgpResources['configurations'],
  secretOf: SecretLookup | undefined,
  complain: Complain,
): Settings {
  const byConfigurationName = new Map(configurations.map((item) => [item.metadata.name, item]));
  const global = byConfigurationName.get('default')?.spec;
  const own = byConfigurationName.get(`node.${nodeName}`)?.spec;
  const restartTime = global?.nodeMeshMaxRestartTime;
  const advertising = own?.prefixAdvertisements === undefined ? 'default' : `node.${nodeName}`;
  // Felix's own default is none.
  const programming = global?.programClusterRoutes ?? 'Enabled';
  return {
    globalAsn: givenAsn(global?.asNumber) ?? DEFAULT_ASN,
    isMeshEnabled: global?.nodeToNodeMeshEnabled ?? true,
    meshRestartSeconds: wholeSeconds(restartTime),
    meshPassword: readPassword(global?.nodeMeshPassword, secretOf, 'BGPConfiguration(default)', complain),
    bindsToNodeIp: (own?.bindMode ?? global?.bindMode) === 'NodeIP',
    logLevel: logLevelOf(own?.logSeverityScreen ?? global?.logSeverityScreen),
    ignoredInterfaces: own?.ignoredInterfaces ?? global?.ignoredInterfaces ?? [],
    workloadPeering: {
      4: tryParseIp(global?.localWorkloadPeeringIPV4 ?? ''),
      6: tryParseIp(global?.localWorkloadPeeringIPV6 ?? ''),
    },
    prefixCommunities: prefixCommunitiesOf(byConfigurationName.get(advertising), complain),
    programsPlainPools: ['Enabled', 'EnabledNoEncapOnly'].includes(programming),
    programsIpipPools: ['Enabled', 'EnabledIPIPOnly'].includes(programming),
    saysWhoPrograms: global?.programClusterRoutes !== undefined,
    serviceClusterIps: cidrsOf(global?.serviceClusterIPs),
    serviceExternalIps: cidrsOf(global?.serviceExternalIPs),
    serviceLoadBalancerIps: cidrsOf(global?.serviceLoadBalancerIPs),
    aggregatesLoadBalancerIps: global?.serviceLoadBalancerAggregation !== 'Disabled',
    normalPriority: {
      4: global?.ipv4NormalRoutePriority ?? normalPriority,
      6: global?.ipv6NormalRoutePriority ?? normalPriority,
    },
    globalListenPort: global?.listenPort ?? 0,
    listenPortOf: (name) => byConfigurationName.get(`node.${name}`)?.spec.listenPort ?? global?.listenPort ?? 0,
  };
}

function cidrsOf(blocks: readonly { readonly cidr?: string | undefined }[] | undefined): readonly string[] {
  return (blocks ?? []).flatMap((block) => (block.cidr === undefined ? [] : [block.cidr]));
}

/** Calico's mapping: Debug, Info (also when unset), and none for anything less talkative. */
function logLevelOf(severity: string | undefined): LogLevel {
  switch ((severity ?? '').toLowerCase()) {
    case '':
    case 'info':
      return 'info';
    case 'debug':
    case 'trace':
      return 'debug';
    default:
      return 'none';
  }
}

/** Advertised prefixes with their communities as values, names resolved, sorted (calico-confd 6.2). */
function prefixCommunitiesOf(
  configuration: BGPConfiguration | undefined,
  complain: Complain,
): readonly AdvertisedPrefix[] {
  if (configuration === undefined) return [];
  const { communities: names = [], prefixAdvertisements = [] } = configuration.spec;
  const subject = `BGPConfiguration(${configuration.metadata.name})`;
  const values = new Map(names.map(({ name, value }) => [name, value]));
  const isCommunity = (text: string): boolean => {
    if (parseCommunity(text) !== undefined) return true;
    complain(subject, `"${text}" is neither a community nor the name of one: left out`);
    return false;
  };
  return prefixAdvertisements
    .flatMap(({ cidr = '', communities = [] }) => {
      const prefix = readCidr(cidr, subject, complain);
      const resolved = communities.map((text) => values.get(text) ?? text).filter(isCommunity);
      return prefix === undefined ? [] : [{ prefix, communities: [...new Set(resolved)].sort() }];
    })
    .sort((a, b) => compareText(a.prefix, b.prefix));
}

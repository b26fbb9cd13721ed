import type { IPPool } from '@calico-node/model';
import { compareCidr, familyOf, hostCidr, tryParseIp, type Cidr, type IpAddress } from '@calico-node/net';
import type { PeerTarget } from './peer-target.ts';
import { isSingleAddress, readCidr, type BgpResources, type BlockClaim, type Complain } from './resources.ts';
import { serviceAddresses, type ServiceFacts } from './services.ts';
import type { Settings } from './settings.ts';

/** A pool as routing sees it. Disabled pools are pools like others here: their addresses stay in use. */
export interface PoolPrefix {
  readonly cidr: Cidr;
  /** Whether its routes may leave the node. */
  readonly isExported: boolean;
  /** How packets between nodes travel, at least between subnets. */
  readonly encapsulation: 'none' | 'ipip' | 'vxlan';
  /** Only between subnets. */
  readonly isCrossSubnet: boolean;
}

/** The way to a peer that is not on a subnet of ours. */
export interface PeerRoute {
  readonly cidr: Cidr;
  readonly via: IpAddress;
}

/** The prefixes that decide what leaves the node, what it originates, and what reaches its kernel; each sorted. */
export interface Prefixes {
  readonly pools: readonly PoolPrefix[];
  /** This node's blocks, whatever their state, but for those that it has not got yet. */
  readonly blocks: readonly BlockClaim[];
  /** Ranges of service addresses, and single ones, which this node originates. */
  readonly services: readonly Cidr[];
  /** Service addresses, whoever originates them: no kernel's to route. */
  readonly serviceRejects: readonly Cidr[];
  /** Service ranges that a route reflector passes on for others. */
  readonly reflected: readonly Cidr[];
  /** `reachableBy` of peers. */
  readonly peerRoutes: readonly PeerRoute[];
}

interface PrefixInputs {
  readonly pools: BgpResources['pools'];
  readonly blocks: readonly BlockClaim[];
  readonly settings: Settings;
  readonly isReflector: boolean;
  /** The node is not to draw traffic to services. */
  readonly isExcluded: boolean;
  readonly services: readonly ServiceFacts[];
  readonly clusterIps: readonly string[];
  readonly targets: readonly PeerTarget[];
}

const SUBJECT = 'BGPConfiguration(default)';

const quiet: Complain = () => undefined;

export function derivePrefixes(inputs: PrefixInputs, complain: Complain): Prefixes {
  const { settings } = inputs;
  const reflected = [...settings.serviceLoadBalancerIps, ...settings.serviceExternalIps];
  const services = originatedServices(inputs, complain);
  return {
    pools: poolPrefixes(inputs.pools, complain),
    blocks: inputs.blocks.filter(({ state }) => state !== 'pending').toSorted((a, b) => compareCidr(a.cidr, b.cidr)),
    services: inputs.isExcluded ? [] : services,
    serviceRejects: sorted([...services, ...parsed([...inputs.clusterIps, ...reflected], SUBJECT, quiet)]),
    reflected: inputs.isReflector ? sorted(parsed(reflected, SUBJECT, complain)) : [],
    peerRoutes: peerRoutes(inputs.targets, complain),
  };
}

/** Whether the node may originate the block: the store has confirmed that it is the node's. */
export function isConfirmed({ state }: BlockClaim): boolean {
  return state === 'confirmed' || state === '';
}

export function sorted(cidrs: readonly Cidr[]): readonly Cidr[] {
  return [...new Set(cidrs)].sort(compareCidr);
}

function poolPrefixes(pools: BgpResources['pools'], complain: Complain): readonly PoolPrefix[] {
  const prefixes = pools.flatMap(({ metadata, spec }) => {
    const cidr = readCidr(spec.cidr, `IPPool(${metadata.name})`, complain);
    if (cidr === undefined) return [];
    return { cidr, isExported: spec.disableBGPExport !== true, ...encapsulationOf(spec) };
  });
  return prefixes.sort((a, b) => compareCidr(a.cidr, b.cidr));
}

function encapsulationOf({
  vxlanMode = 'Never',
  ipipMode = 'Never',
}: IPPool['spec']): Pick<PoolPrefix, 'encapsulation' | 'isCrossSubnet'> {
  if (vxlanMode !== 'Never') return { encapsulation: 'vxlan', isCrossSubnet: vxlanMode === 'CrossSubnet' };
  return { encapsulation: ipipMode === 'Never' ? 'none' : 'ipip', isCrossSubnet: ipipMode === 'CrossSubnet' };
}

/**
 * Ranges as a whole, and single addresses where their service says so (calico-confd 6.6). A single address among the
 * ranges is announced only by its service.
 */
function originatedServices({ settings, clusterIps, services }: PrefixInputs, complain: Complain): readonly Cidr[] {
  const ranges = {
    cluster: parsed(clusterIps, SUBJECT, complain),
    external: parsed(settings.serviceExternalIps, SUBJECT, complain),
    loadBalancer: parsed(settings.serviceLoadBalancerIps, SUBJECT, complain),
    aggregatesLoadBalancerIps: settings.aggregatesLoadBalancerIps,
  };
  const isRange = (cidr: Cidr): boolean => !isSingleAddress(cidr);
  return sorted([
    ...ranges.cluster,
    ...ranges.external.filter(isRange),
    ...(ranges.aggregatesLoadBalancerIps ? ranges.loadBalancer.filter(isRange) : []),
    ...services.flatMap((service) => serviceAddresses(service, ranges)).map(hostCidr),
  ]);
}

function peerRoutes(targets: readonly PeerTarget[], complain: Complain): readonly PeerRoute[] {
  const ways = new Map<Cidr, IpAddress>();
  for (const { ip, resource } of targets) {
    const text = resource.spec.reachableBy ?? '';
    if (text === '') continue;
    const via = tryParseIp(text);
    if (via !== undefined && familyOf(via) === familyOf(ip)) ways.set(hostCidr(ip), via);
    else complain(`BGPPeer(${resource.metadata.name})`, `reachableBy "${text}" is no address of the peer's family`);
  }
  return [...ways].map(([cidr, via]) => ({ cidr, via })).sort((a, b) => compareCidr(a.cidr, b.cidr));
}

function parsed(texts: readonly string[], subject: string, complain: Complain): Cidr[] {
  return texts.flatMap((text) => readCidr(text, subject, complain) ?? []);
}

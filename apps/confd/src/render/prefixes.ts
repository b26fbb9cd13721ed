import type { bgpV1 } from '@calico-node/rpc';
import { compareCidr, familyOf, hostCidr, splitCidr, tryParseIp, type Cidr, type IpAddress } from '@calico-node/net';
import type { PeerTarget } from './peer-target.ts';
import { readCidr, type BgpResources, type BlockClaim, type Complain } from './resources.ts';
import type { Settings } from './settings.ts';

/** Which prefixes leave the node, which it originates, and which of them reach the kernel. */
export interface Prefixes {
  readonly announceWithin: readonly Cidr[];
  readonly neverAnnounce: readonly Cidr[];
  readonly neverProgram: readonly Cidr[];
  readonly staticRoutes: readonly bgpV1.StaticRoute[];
}

interface PrefixInputs {
  readonly pools: BgpResources['pools'];
  readonly blocks: readonly BlockClaim[];
  readonly settings: Settings;
  readonly isReflector: boolean;
  readonly clusterIps: readonly string[];
  readonly targets: readonly PeerTarget[];
}

/**
 * Calico's export rules (calico-confd 6.4 to 6.6): what lies in a pool is announced unless the pool
 * disables BGP export, disabled pools included, since their addresses stay in use; blocks of this node
 * stand for their addresses; service ranges are announced as a whole and never written to the kernel.
 */
export function renderPrefixes(inputs: PrefixInputs, complain: Complain): Prefixes {
  const { pools, settings } = inputs;
  const poolCidr = (pool: (typeof pools)[number]): Cidr[] =>
    parsed([pool.spec.cidr], `IPPool(${pool.metadata.name})`, complain);
  const services = serviceRanges(inputs, complain);
  const reflected = inputs.isReflector
    ? parsed(
        [...settings.serviceLoadBalancerIps, ...settings.serviceExternalIps],
        'BGPConfiguration(default)',
        complain,
      )
    : [];
  const ways = reachability(inputs.targets, complain);
  return {
    announceWithin: sorted([
      ...pools.filter((pool) => pool.spec.disableBGPExport !== true).flatMap(poolCidr),
      ...services,
      ...reflected,
    ]),
    // The way to a peer is this node's own business.
    neverAnnounce: sorted([
      ...pools.filter((pool) => pool.spec.disableBGPExport === true).flatMap(poolCidr),
      ...ways.map(({ cidr }) => cidr),
    ]),
    neverProgram: sorted([
      ...pools.filter((pool) => isEncapsulated(pool) || !settings.programsPlainPools).flatMap(poolCidr),
      ...services,
    ]),
    staticRoutes: [
      ...blockRoutes(inputs.blocks),
      ...serviceRoutes(services),
      ...ways.map(({ cidr, via }) => ({ prefix: cidr, nextHop: via, suppressSpecifics: false })),
    ],
  };
}

/** Routes to such pools need a tunnel, which Felix sets up. */
function isEncapsulated({ spec }: BgpResources['pools'][number]): boolean {
  return (spec.vxlanMode ?? 'Never') !== 'Never' || (spec.ipipMode ?? 'Never') !== 'Never';
}

/** My confirmed blocks as blackholes, their addresses kept from peers. A block of one address is its own route. */
function blockRoutes(blocks: readonly BlockClaim[]): readonly bgpV1.StaticRoute[] {
  const confirmed = blocks.filter(({ state, cidr }) => {
    const { prefixLength, family } = splitCidr(cidr);
    return (state === 'confirmed' || state === '') && prefixLength < (family === 4 ? 32 : 128);
  });
  return sorted(confirmed.map((block) => block.cidr)).map((prefix) => ({
    prefix,
    nextHop: '',
    suppressSpecifics: true,
  }));
}

function serviceRanges({ settings, clusterIps }: PrefixInputs, complain: Complain): readonly Cidr[] {
  const ranges = (texts: readonly string[]): readonly Cidr[] => parsed(texts, 'BGPConfiguration(default)', complain);
  const isRange = (cidr: Cidr): boolean => splitCidr(cidr).prefixLength < (familyOf(cidr) === 4 ? 32 : 128);
  return sorted([
    ...ranges(clusterIps),
    ...ranges(settings.serviceExternalIps).filter(isRange),
    ...(settings.aggregatesLoadBalancerIps ? ranges(settings.serviceLoadBalancerIps).filter(isRange) : []),
  ]);
}

function serviceRoutes(ranges: readonly Cidr[]): readonly bgpV1.StaticRoute[] {
  return ranges.map((prefix) => ({ prefix, nextHop: '', suppressSpecifics: false }));
}

/** `reachableBy`: the way to a peer that is not on a subnet of ours. */
function reachability(
  targets: readonly PeerTarget[],
  complain: Complain,
): readonly { readonly cidr: Cidr; readonly via: IpAddress }[] {
  const ways = new Map<Cidr, IpAddress>();
  for (const { ip, resource } of targets) {
    const text = resource.spec.reachableBy ?? '';
    const via = tryParseIp(text);
    if (via !== undefined) ways.set(hostCidr(ip), via);
    else if (text !== '')
      complain(`BGPPeer(${resource.metadata.name})`, `reachableBy "${text}" is not an address: ignored`);
  }
  return [...ways].map(([cidr, via]) => ({ cidr, via })).sort((a, b) => compareCidr(a.cidr, b.cidr));
}

function parsed(texts: readonly string[], subject: string, complain: Complain): Cidr[] {
  return texts.flatMap((text) => readCidr(text, subject, complain) ?? []);
}

function sorted(cidrs: readonly Cidr[]): readonly Cidr[] {
  return [...new Set(cidrs)].sort(compareCidr);
}

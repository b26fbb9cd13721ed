import { familyOf, type Cidr, type Family } from '@calico-node/net';
import type { NodeBgp } from '../derive/derive.ts';
import type { PoolPrefix, Prefixes } from '../derive/prefixes.ts';
import type { Settings } from '../derive/settings.ts';
import { block, document, functionOf, type Lines } from './syntax.ts';

/**
 * `bird_ipam.cfg` or `bird6_ipam.cfg` (calico-confd 6.4): what leaves the node, and what reaches its kernel.
 * BIRD 2 can't put routes into a tunnel, so Felix programs the encapsulated pools' routes, IPIP as VXLAN.
 */
export function renderIpamFile({ prefixes, settings }: NodeBgp, family: Family): string {
  const ours = ofFamily(prefixes, family);
  return document(
    functionOf('reject_local_routes', '', ['# Of the eBPF data plane, for this node alone.', rejectFrom('bpf*.cali')]),
    functionOf('calico_export_to_bgp_peers', 'bool internal_peer', exportBody(ours, settings)),
    block('filter calico_kernel_programming', kernelBody(ours, settings, family)),
  );
}

/** The first statement that accepts or rejects decides; where none does, the caller goes on. */
function exportBody({ pools, services, reflected, peerRoutes }: Prefixes, settings: Settings): Lines {
  return [
    ...disabledPoolExports({ pools }),
    ...peerRoutes.map(({ cidr }) => `${within(cidr, 'reject')} # The way to a peer is this node's own business.`),
    '# Nodes reach each other over these by themselves.',
    ...block('if internal_peer then', [...internalExports, ...routedElsewhere({ pools }, settings)]),
    'reject_local_routes();',
    'apply_communities();',
    'calico_aggr();',
    ...section('# Service addresses.', services),
    ...section('# Service addresses that a route reflector passes on.', reflected),
    ...titled('# Pools.', enabledPoolExports({ pools })),
  ];
}

/** Of routes over overlay devices, to peers in our AS. */
export const internalExports: Lines = ['*.cali', '*.calico', 'tunl0'].map(rejectFrom);

/**
 * Routes that Felix programs through other nodes, past its tunnels within a subnet: those nodes announce them. A route
 * without a gateway has `::` for one in BIRD, in either family.
 */
function routedElsewhere({ pools }: Pick<Prefixes, 'pools'>, settings: Settings): Lines {
  const isFelixs = ({ encapsulation }: PoolPrefix): boolean => encapsulation !== 'none' || !settings.programsPlainPools;
  const rejects = pools.filter((pool) => pool.isExported && isFelixs(pool)).map(({ cidr }) => within(cidr, 'reject'));
  if (rejects.length === 0) return [];
  return block('if source = RTS_INHERIT && dest = RTD_UNICAST && gw != :: then', rejects);
}

export function disabledPoolExports({ pools }: Pick<Prefixes, 'pools'>): Lines {
  return pools
    .filter((pool) => !pool.isExported)
    .map(({ cidr }) => `${within(cidr, 'reject')} # BGP export is disabled.`);
}

export function enabledPoolExports({ pools }: Pick<Prefixes, 'pools'>): Lines {
  return pools.filter((pool) => pool.isExported).map(({ cidr }) => within(cidr, 'accept'));
}

/** Which pools' routes reach the kernel. */
export function poolKernelRules({ pools }: Prefixes, { programsPlainPools }: Settings, family: Family): Lines {
  return pools.flatMap(({ cidr, encapsulation }) => {
    if (encapsulation === 'vxlan') return [`${within(cidr, 'reject')} # VXLAN routes are handled by Felix.`];
    if (encapsulation === 'ipip' || !programsPlainPools) {
      return [`${within(cidr, 'reject')} # Cluster routes are handled by Felix.`];
    }
    return family === 4 ? [within(cidr, 'accept')] : [];
  });
}

function kernelBody(prefixes: Prefixes, settings: Settings, family: Family): Lines {
  const { serviceRejects } = prefixes;
  return [
    '# The kernel has the routes of its interfaces. (BIRD 1 left them out by itself.)',
    'if source = RTS_DEVICE then { reject; }',
    ...serviceRejects.map((cidr) => `${within(cidr, 'reject')} # Service addresses are not the kernel's to route.`),
    ...poolKernelRules(prefixes, settings, family),
    'accept;',
  ];
}

function section(comment: string, cidrs: readonly Cidr[]): Lines {
  return titled(
    comment,
    cidrs.map((cidr) => within(cidr, 'accept')),
  );
}

function titled(comment: string, lines: Lines): Lines {
  return lines.length === 0 ? [] : [comment, ...lines];
}

function within(cidr: Cidr, verdict: 'accept' | 'reject'): string {
  return `if ( net ~ ${cidr} ) then { ${verdict}; }`;
}

function rejectFrom(interfacePattern: string): string {
  return `if ( ifname ~ "${interfacePattern}" ) then { reject; }`;
}

/** The part of the prefixes that a family's files are about. */
export function ofFamily(prefixes: Prefixes, family: Family): Prefixes {
  const { pools, blocks, services, serviceRejects, reflected, peerRoutes } = prefixes;
  const isOurs = (cidr: Cidr): boolean => familyOf(cidr) === family;
  return {
    pools: pools.filter(({ cidr }) => isOurs(cidr)),
    blocks: blocks.filter(({ cidr }) => isOurs(cidr)),
    services: services.filter(isOurs),
    serviceRejects: serviceRejects.filter(isOurs),
    reflected: reflected.filter(isOurs),
    peerRoutes: peerRoutes.filter(({ cidr }) => isOurs(cidr)),
  };
}

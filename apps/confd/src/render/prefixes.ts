import type { bgpV1 } from '@calico-node/rpc';
import type { Cidr } from '@calico-node/net';
import { isConfirmed, sorted, type PoolPrefix, type Prefixes } from '../derive/prefixes.ts';
import { isSingleAddress } from '../derive/resources.ts';
import type { Settings } from '../derive/settings.ts';

interface RenderedPrefixes {
  readonly announceWithin: Cidr[];
  readonly neverAnnounce: Cidr[];
  readonly neverProgram: Cidr[];
  readonly staticRoutes: bgpV1.StaticRoute[];
  readonly tunnels: bgpV1.Tunnel[];
}

/**
 * Calico's export rules (calico-confd 6.4 to 6.6): what lies in a pool is announced unless the pool
 * disables BGP export; blocks of this node stand for their addresses; service ranges are announced as a
 * whole and never written to the kernel; nor are routes that Felix writes. Those of IPIP pools, where they are the
 * daemon's, lead into the tunnel device that Felix keeps; within the node's subnet they need it only if the pool says
 * so.
 *
 * @param subnet the node's own for IPv4
 */
export function renderPrefixes(prefixes: Prefixes, settings: Settings, subnet: Cidr | undefined): RenderedPrefixes {
  const { pools, blocks, services, serviceRejects, reflected, peerRoutes } = prefixes;
  const poolsThat = (holds: (pool: PoolPrefix) => boolean): Cidr[] => pools.filter(holds).map(({ cidr }) => cidr);
  const ownBlocks = blocks.filter((block) => isConfirmed(block) && !isSingleAddress(block.cidr));
  return {
    announceWithin: [...sorted([...poolsThat((pool) => pool.isExported), ...services, ...reflected])],
    // The way to a peer is this node's own business.
    neverAnnounce: [...sorted([...poolsThat((pool) => !pool.isExported), ...peerRoutes.map(({ cidr }) => cidr)])],
    neverProgram: [...sorted([...poolsThat((pool) => !isProgrammed(pool, settings)), ...serviceRejects])],
    staticRoutes: [
      // A block of one address is its own route.
      ...sorted(ownBlocks.map(({ cidr }) => cidr)).map((prefix) => route(prefix, '', true)),
      ...services.map((prefix) => route(prefix, '', false)),
      ...peerRoutes.map(({ cidr, via }) => route(cidr, via, false)),
    ],
    tunnels: pools
      .filter((pool) => pool.encapsulation === 'ipip' && isProgrammed(pool, settings))
      .map(({ cidr, isCrossSubnet }) => ({
        prefix: cidr,
        interfaceName: IPIP_DEVICE,
        directWithin: isCrossSubnet && subnet !== undefined ? [subnet] : [],
      })),
  };
}

/** Felix's device for IPIP. */
const IPIP_DEVICE = 'tunl0';

function isProgrammed({ encapsulation }: PoolPrefix, settings: Settings): boolean {
  if (encapsulation === 'none') return settings.programsPlainPools;
  return encapsulation === 'ipip' && settings.programsIpipPools;
}

function route(prefix: Cidr, nextHop: string, suppressSpecifics: boolean): bgpV1.StaticRoute {
  return { prefix, nextHop, suppressSpecifics };
}

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
}

/**
 * Calico's export rules (calico-confd 6.4 to 6.6): what lies in a pool is announced unless the pool
 * disables BGP export; blocks of this node stand for their addresses; service ranges are announced as a
 * whole and never written to the kernel; nor are routes that Felix writes.
 */
export function renderPrefixes(prefixes: Prefixes, settings: Settings): RenderedPrefixes {
  const { pools, blocks, services, serviceRejects, reflected, peerRoutes } = prefixes;
  const poolsThat = (holds: (pool: PoolPrefix) => boolean): Cidr[] => pools.filter(holds).map(({ cidr }) => cidr);
  const ownBlocks = blocks.filter((block) => isConfirmed(block) && !isSingleAddress(block.cidr));
  return {
    announceWithin: [...sorted([...poolsThat((pool) => pool.isExported), ...services, ...reflected])],
    // The way to a peer is this node's own business.
    neverAnnounce: [...sorted([...poolsThat((pool) => !pool.isExported), ...peerRoutes.map(({ cidr }) => cidr)])],
    neverProgram: [
      ...sorted([
        ...poolsThat((pool) => pool.encapsulation !== 'none' || !settings.programsPlainPools),
        ...serviceRejects,
      ]),
    ],
    staticRoutes: [
      // A block of one address is its own route.
      ...sorted(ownBlocks.map(({ cidr }) => cidr)).map((prefix) => route(prefix, '', true)),
      ...services.map((prefix) => route(prefix, '', false)),
      ...peerRoutes.map(({ cidr, via }) => route(cidr, via, false)),
    ],
  };
}

function route(prefix: Cidr, nextHop: string, suppressSpecifics: boolean): bgpV1.StaticRoute {
  return { prefix, nextHop, suppressSpecifics };
}

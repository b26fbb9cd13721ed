import { isDeepStrictEqual } from 'node:util';
import type { DaemonConfig, NeighborConfig } from '../config/daemon-config.ts';

/** Whether a session can go on: what differs, if anything, can change under it. */
export function isSameSession(a: NeighborConfig, b: NeighborConfig): boolean {
  const session = ({
    importFilters: _i,
    exportFilters: _e,
    nextHopMode: _n,
    type: _t,
    prefixLimit: _p,
    bfd: _b,
    advertisementSeconds: _a,
    ...rest
  }: NeighborConfig): unknown => rest;
  return isDeepStrictEqual(session(a), session(b));
}

/** Whether routes mean what they meant. */
export function isSamePolicy(a: DaemonConfig, b: DaemonConfig): boolean {
  const policy = (config: DaemonConfig): unknown => [
    config.announce,
    config.filters,
    config.prefixCommunities,
    config.kernel,
  ];
  return isDeepStrictEqual(policy(a), policy(b));
}

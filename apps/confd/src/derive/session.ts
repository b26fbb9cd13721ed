import type { IpAddress } from '@calico-node/net';

/** What makes a session exist, as in Calico's table of peers. */
export type SessionType = 'mesh' | 'global' | 'node' | 'workload';

/** One BGP session of the rendering node. */
export interface Session {
  /** BIRD's protocol name in Calico: `Mesh_10_0_0_2`, `Global_192_0_2_1_port_1790`. Unique in a node. */
  readonly name: string;
  readonly type: SessionType;
  readonly address: IpAddress;
  /** 0: 179. */
  readonly port: number;
  readonly remoteAsn: number;
  /** The AS number that this node shows to the peer. */
  readonly localAsn: number;
  /** Our address, of the family of the peer's; none: the kernel chooses. */
  readonly source: IpAddress | undefined;
  /** Wait for the peer to connect. */
  readonly isPassive: boolean;
  /** GTSM (RFC 5082): how many hops away the peer is; 0: not used. */
  readonly ttlSecurityHops: number;
  /** The peer is a client of this route reflector (RFC 4456). */
  readonly isReflectorClient: boolean;
  /** The reflector's cluster; none: its router ID stands for it. */
  readonly clusterId: IpAddress | undefined;
  readonly nextHop: 'auto' | 'self' | 'keep';
  /** Graceful restart time; 0: the daemon's default. */
  readonly restartSeconds: number;
  /** How long the peer's routes are kept as the last resort beyond that (RFC 9494); 0: not. */
  readonly longLivedSeconds: number;
  /** BFD watches the path while the peer is on a network of the node. */
  readonly hasBfd: boolean;
  /** What BFD finds failed is taken for a restart. */
  readonly isBfdGraceful: boolean;
  /** 0: the daemon's default. */
  readonly keepaliveSeconds: number;
  /** How often our AS may stand in a received path. */
  readonly allowedLocalAsns: number;
  /** TCP MD5 (RFC 2385), at most 80 octets; empty: none. */
  readonly password: string;
  /** The peer is one of our nodes. */
  readonly isCalicoNode: boolean;
  /** The cluster of a peer that reflects routes, as its Node has it; empty otherwise. */
  readonly remoteClusterId: string;
  /** The BGPPeer's `reachableBy`; empty: none. */
  readonly reachableBy: string;
  /** Names of BGPFilters that exist, in the order in which they apply. */
  readonly filters: readonly string[];
}

/** Whether both ends are in one AS: iBGP. */
export function isInternal({ localAsn, remoteAsn }: Session): boolean {
  return localAsn === remoteAsn;
}

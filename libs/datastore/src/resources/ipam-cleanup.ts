import type { Cidr, IpAddress } from '@calico-node/net';

/** What of IPAM the deletion of a Node or IPPool needs; `Ipam` of libs/ipam is one. */
export interface IpamCleanup {
  /** Gives addresses back; ones that nobody holds are well. */
  releaseIps(releases: readonly { readonly ip: IpAddress }[]): Promise<unknown>;
  /** Takes all blocks from a node. */
  releaseHostAffinities(nodeName: string): Promise<void>;
  /** Takes all blocks of a pool from their nodes. */
  releasePoolAffinities(pool: Cidr): Promise<void>;
}

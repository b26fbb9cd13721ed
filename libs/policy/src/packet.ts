import type { Family, IpAddress } from '@calico-node/net';

/** The first packet of a connection, as policy sees it. */
export interface PolicyPacket {
  readonly family: Family;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** IP protocol number, 0-255. */
  readonly protocol: number;
  /** Present for protocols with ports. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** Present for ICMP and ICMPv6. */
  readonly icmpType?: number;
  readonly icmpCode?: number;
}

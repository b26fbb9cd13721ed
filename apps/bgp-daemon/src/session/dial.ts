import { Socket } from 'node:net';
import { familyOf } from '@calico-node/net';
import { openTcpSocket } from '@calico-node/netlink';
import { peerHop, type NeighborConfig } from '../config/daemon-config.ts';
import { minimumTtl } from './gtsm.ts';

/** Precedence "internetwork control", as routing protocols use (RFC 4271 appendix E). */
const internetControl = 0xc0;

/**
 * Begins a connection to a neighbour, with its source address, MD5 key (RFC 2385) and TTL limits (GTSM,
 * RFC 5082) in force from the first packet. The socket tells how it went.
 *
 * @throws SyscallError when the socket cannot be made: a source address, or an interface, that the node does not have.
 */
export function dial(neighbor: NeighborConfig): Socket {
  const { address, interfaceName, port, sourceAddress, password, ttlSecurityHops } = neighbor;
  const fd = openTcpSocket({
    family: familyOf(address),
    ...(interfaceName === undefined ? {} : { device: interfaceName }),
    trafficClass: internetControl,
    // RFC 5082 3; harmless to peers that do not ask for it.
    ttl: 255,
    ...(ttlSecurityHops === 0 ? {} : { minTtl: minimumTtl(ttlSecurityHops) }),
    ...(sourceAddress === undefined ? {} : { bind: { ip: sourceAddress, port: 0 } }),
    ...(password === undefined ? {} : { md5: [{ peer: address, key: password }] }),
  });
  // Without manualStart Node.js would read from the socket before it is connected.
  const options = { fd, readable: true, writable: true, manualStart: true };
  return new Socket(options).connect({ host: peerHop(neighbor), port });
}

import { familyOf, type Family, type IpAddress, type Mac } from '@calico-node/net';
import {
  deleteFdbEntry,
  deleteNeighbour,
  type NetlinkRequest,
  replaceFdbEntry,
  replaceNeighbour,
  type RouteSocket,
} from '@calico-node/netlink';

/** Another node's VXLAN device. */
export interface VxlanPeer {
  /** Where routes lead to. */
  readonly address: IpAddress;
  readonly mac: Mac;
  /** The node's own address, where the packets go. */
  readonly underlay: IpAddress;
}

/**
 * What the kernel has to be told so that the device knows these peers and no others: for each a permanent neighbour
 * and a forwarding entry. Nothing is ever asked of the network, and nothing is flooded.
 */
export function peerRequests(
  socket: Pick<RouteSocket, 'listNeighbours' | 'listFdb'>,
  interfaceIndex: number,
  family: Family,
  peers: readonly VxlanPeer[],
): NetlinkRequest[] {
  const neighbours = socket
    .listNeighbours({ family, interfaceIndex })
    .filter(({ state, isProxy }) => state === 'permanent' && !isProxy);
  const entries = socket.listFdb({ interfaceIndex }).filter(({ destination }) => destination !== undefined);
  const knowsNeighbour = new Set(neighbours.map(({ ip, mac }) => `${ip} ${mac}`));
  const knowsEntry = new Set(entries.map(({ mac, destination }) => `${mac} ${destination}`));
  const wantsNeighbour = new Set(peers.map(({ address }) => address));
  const wantsEntry = new Set(peers.map(({ mac, underlay }) => `${mac} ${underlay}`));
  return [
    ...entries.flatMap(({ mac, destination }) =>
      destination === undefined || wantsEntry.has(`${mac} ${destination}`)
        ? []
        : [deleteFdbEntry({ interfaceIndex, mac, destination })],
    ),
    ...neighbours.filter(({ ip }) => !wantsNeighbour.has(ip)).map(({ ip }) => deleteNeighbour({ interfaceIndex, ip })),
    ...peers
      .filter(({ mac, underlay }) => !knowsEntry.has(`${mac} ${underlay}`))
      .map(({ mac, underlay }) => replaceFdbEntry({ interfaceIndex, mac, destination: underlay })),
    ...peers
      .filter(({ address, mac }) => familyOf(address) === family && !knowsNeighbour.has(`${address} ${mac}`))
      .map(({ address, mac }) => replaceNeighbour({ interfaceIndex, ip: address, mac })),
  ];
}

import { parseIp } from '@calico-node/net';
import { addAddress, createVeth, RouteSocket, setLink } from '@calico-node/netlink';

/** Adds an interface with a node's addresses: eth0 with 192.0.2.10/24 and 2001:db8::10/64. */
export function addNodeInterface(): void {
  using socket = RouteSocket.open();
  socket.apply([createVeth({ name: 'eth0', peer: { name: 'fabric0' } })]);
  const index = socket.getLink('eth0')?.index ?? 0;
  socket.apply([
    setLink({ name: 'eth0', up: true }),
    addAddress({ interfaceIndex: index, ip: parseIp('192.0.2.10'), prefixLength: 24 }),
    addAddress({ interfaceIndex: index, ip: parseIp('2001:db8::10'), prefixLength: 64, skipsDad: true }),
  ]);
}

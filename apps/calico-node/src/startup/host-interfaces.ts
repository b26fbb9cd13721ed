import { familyOf } from '@calico-node/net';
import { RouteSocket } from '@calico-node/netlink';
import type { HostInterface } from './autodetect.ts';

/** The host's interfaces with their addresses, as the kernel lists them now. */
export function readHostInterfaces(): readonly HostInterface[] {
  const socket = RouteSocket.open();
  try {
    const addresses = socket.listAddresses();
    return socket.listLinks().map((link) => ({
      index: link.index,
      name: link.name,
      isUp: link.up,
      addresses: addresses
        .filter((address) => address.interfaceIndex === link.index)
        .map(({ ip, prefixLength }) => ({ ip, prefixLength }))
        .toSorted((a, b) => familyOf(a.ip) - familyOf(b.ip)),
    }));
  } finally {
    socket.close();
  }
}

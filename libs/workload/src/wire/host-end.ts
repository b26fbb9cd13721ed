import { parseIp, parseMac, type IpAddress } from '@calico-node/net';
import { addAddress, NetlinkError, setLink, type NetlinkRequest, type RouteSocket } from '@calico-node/netlink';
import type { Pair } from './pair.ts';
import { applySettings, hostSettings } from './sysctls.ts';

/** The same for every workload: it never shows up on a wire. */
export const hostMac = parseMac('ee:ee:ee:ee:ee:ee');
/** The gateway of every workload, whatever its network: the host's end answers for it. */
export const ipv4Gateway = parseIp('169.254.1.1');
/** The link-local address that goes with {@link hostMac} (RFC 4291 2.5.6). */
export const ipv6Gateway = parseIp('fe80::ecee:eeff:feee:eeee');

/** The families of a workload's addresses. */
export interface Families {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
}

/** Applies requests one by one; an object that is there already is well. */
export function applyTolerant(socket: RouteSocket, requests: readonly NetlinkRequest[]): void {
  for (const error of socket.execute(requests)) {
    if (error !== undefined && !(error instanceof NetlinkError && error.code === 'EEXIST')) throw error;
  }
}

/** Brings the host's end up as Felix keeps it. Gives the workload's IPv6 gateway. */
export function configureHostEnd(host: RouteSocket, pair: Pair, mtu: number, families: Families): IpAddress {
  const { host: link, isNew } = pair;
  applySettings(hostSettings(link.name, families));
  host.apply([
    setLink({
      index: link.index,
      up: true,
      ...(isNew ? {} : { mtu, mac: hostMac }),
      ...(families.ipv4 ? { inetConf: { forwarding: true, proxyArp: true, routeLocalnet: true } } : {}),
    }),
  ]);
  if (!families.ipv6) return ipv6Gateway;
  const linkLocal = (): IpAddress | undefined =>
    host
      .listAddresses({ family: 6, interfaceIndex: link.index })
      .find((address) => address.scope === 'link' && !address.isTentative)?.ip;
  // The kernel gives the address only once there is a carrier; it may as well be there at once.
  if (linkLocal() === undefined) {
    const address = {
      interfaceIndex: link.index,
      ip: ipv6Gateway,
      prefixLength: 64,
      scope: 'link',
      skipsDad: true,
    } as const;
    applyTolerant(host, [addAddress(address)]);
  }
  return linkLocal() ?? ipv6Gateway;
}

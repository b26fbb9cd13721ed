import { addAddress, deleteAddress, RouteSocket, setLink, type Link } from '@calico-node/netlink';
import { familyOf, type IpAddress } from '@calico-node/net';
import { ipv4Gateway, ipv6Gateway } from '../wire/host-end.ts';
import { StandaloneError } from './standalone-error.ts';

/** The kernel's word for tun and tap devices alike. */
const tapKind = 'tun';

/**
 * Readies a machine's tap device on the host. The machine sets its own addresses, and finds its gateways 169.254.1.1
 * and fe80::ecee:eeff:feee:eeee here.
 *
 * @throws StandaloneError `not-a-tap`, NetlinkError
 */
export function attachTap(device: string, addresses: readonly IpAddress[]): void {
  using host = RouteSocket.open();
  const link = host.getLink(device);
  if (link?.kind !== tapKind) {
    const complaint = link === undefined ? `there is no device ${device}` : `${device} is no tap device`;
    throw new StandaloneError('not-a-tap', complaint);
  }
  const families = new Set(addresses.map((ip) => familyOf(ip)));
  const present = presentOn(host, link);
  const missing = gatewaysOn(link).filter(({ ip }) => families.has(familyOf(ip)) && !present.has(ip));
  host.apply([setLink({ index: link.index, up: true }), ...missing.map((address) => addAddress(address))]);
}

/** Takes back what {@link attachTap} gave; the device is the machine's, and stays. */
export function detachTap(device: string): void {
  using host = RouteSocket.open();
  const link = host.getLink(device);
  if (link?.kind !== tapKind) return;
  const present = presentOn(host, link);
  host.apply(
    gatewaysOn(link)
      .filter(({ ip }) => present.has(ip))
      .map((address) => deleteAddress(address)),
  );
}

function presentOn(host: RouteSocket, { index }: Link): ReadonlySet<IpAddress> {
  return new Set(host.listAddresses({ interfaceIndex: index }).map(({ ip }) => ip));
}

/** The IPv4 one has scope `host`, since it must never become the source address of what the host sends. */
function gatewaysOn({ index }: Link) {
  return [
    { interfaceIndex: index, ip: ipv4Gateway, prefixLength: 32, scope: 'host' },
    { interfaceIndex: index, ip: ipv6Gateway, prefixLength: 64, scope: 'link', skipsDad: true },
  ] as const;
}

import { familyOf, type IpAddress, type Mac } from '@calico-node/net';
import {
  addAddress,
  createVxlan,
  deleteAddress,
  deleteLink,
  type Link,
  type NetlinkRequest,
  type RouteSocket,
  setLink,
} from '@calico-node/netlink';

/** A tunnel device as it should be. */
export interface TunnelDevice {
  readonly name: string;
  readonly mtu: number;
  /** Its one address. */
  readonly address: IpAddress | undefined;
  readonly vxlan?: {
    readonly vni: number;
    readonly port: number;
    readonly mac: Mac;
    /** The node's own address, and the interface that has it. */
    readonly local: IpAddress;
    readonly deviceIndex: number;
  };
}

/**
 * Makes the device what it should be, from nothing or from whatever is there under its name. Gives it as it is then, and
 * how many changes that took.
 *
 * @throws NetlinkError when the kernel refuses, EOPNOTSUPP where it does not know the kind of device.
 */
export function ensureDevice(
  socket: RouteSocket,
  device: TunnelDevice,
): { readonly link: Link; readonly writes: number } {
  let writes = 0;
  const apply = (requests: readonly NetlinkRequest[]): void => {
    writes += requests.length;
    socket.apply(requests);
  };
  const { name, mtu, vxlan } = device;
  let link = socket.getLink(name);
  if (vxlan !== undefined && (link === undefined || !isSameTunnel(link, vxlan))) {
    if (link !== undefined) apply([deleteLink({ name })]);
    apply([createVxlan({ name, mtu, ...vxlan })]);
    link = socket.getLink(name);
  }
  if (link === undefined) throw new Error(`interface ${name} is gone as soon as it was made`);
  const { index } = link;
  const mac = vxlan?.mac;
  if (link.mtu !== mtu || (mac !== undefined && link.mac !== mac)) {
    apply([setLink({ index, mtu, ...(mac === undefined ? {} : { mac }) })]);
  }
  // Up first: the kernel drops what addresses IPv6 devices had when they go down.
  if (!link.up) apply([setLink({ index, up: true })]);
  apply(addressRequests(socket, index, device.address));
  return { link: { ...link, up: true, mtu }, writes };
}

/** Takes a device away, if it is there. */
export function removeDevice(socket: RouteSocket, name: string): number {
  if (socket.getLink(name) === undefined) return 0;
  socket.apply([deleteLink({ name })]);
  return 1;
}

function isSameTunnel({ kind, vxlan }: Link, wanted: NonNullable<TunnelDevice['vxlan']>): boolean {
  return (
    kind === 'vxlan' &&
    vxlan?.vni === wanted.vni &&
    vxlan.port === wanted.port &&
    vxlan.local === wanted.local &&
    vxlan.deviceIndex === wanted.deviceIndex &&
    !vxlan.isLearning
  );
}

function addressRequests(socket: RouteSocket, interfaceIndex: number, wanted: IpAddress | undefined): NetlinkRequest[] {
  const found = socket.listAddresses({ interfaceIndex }).filter(({ scope }) => scope === 'universe');
  const removals = found
    .filter(({ ip }) => ip !== wanted)
    .map(({ ip, prefixLength }) => deleteAddress({ interfaceIndex, ip, prefixLength }));
  if (wanted === undefined || found.some(({ ip }) => ip === wanted)) return removals;
  const isIpv4 = familyOf(wanted) === 4;
  const address = { interfaceIndex, ip: wanted, prefixLength: isIpv4 ? 32 : 128, skipsDad: !isIpv4 };
  return [...removals, addAddress(address)];
}

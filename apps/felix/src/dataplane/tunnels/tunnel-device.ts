import { familyOf, type IpAddress, type Mac } from '@calico-node/net';
import {
  addAddress,
  createIpip,
  createVxlan,
  createWireguard,
  deleteAddress,
  deleteLink,
  type Link,
  type NetlinkRequest,
  type RouteSocket,
  setLink,
  type VxlanLink,
} from '@calico-node/netlink';

/** A tunnel device as it should be. */
export interface TunnelDevice {
  readonly name: string;
  readonly mtu: number;
  /** Its one address. */
  readonly address: IpAddress | undefined;
  readonly tunnel: PlainTunnel | VxlanTunnel;
}

/** It sends where its routes or, with WireGuard, its peers say. */
export interface PlainTunnel {
  readonly kind: 'ipip' | 'wireguard';
}

export interface VxlanTunnel {
  readonly kind: 'vxlan';
  readonly vni: number;
  readonly port: number;
  readonly mac: Mac;
  /** The node's own address, and the interface that has it. */
  readonly local: IpAddress;
  readonly deviceIndex: number;
}

/** The kernel cannot make devices of this kind. */
export class TunnelKindError extends Error {
  override readonly name = 'TunnelKindError';
  readonly code = 'no-such-device-kind';

  constructor(kind: string, cause: unknown) {
    super(`this kernel has no ${kind} devices; load its module '${kind}' on the host, or do without them`, { cause });
  }
}

/** Somebody else's VXLAN device has the network that ours is to have; the kernel allows one. */
export class RivalDeviceError extends Error {
  override readonly name = 'RivalDeviceError';
  readonly code = 'vxlan-in-use';

  constructor(rival: string, { vni, port }: Pick<VxlanTunnel, 'vni' | 'port'>, cause: unknown) {
    super(
      `device ${rival} has VXLAN network ${vni} on port ${port} already; remove it, or choose another vxlanVNI or vxlanPort`,
      { cause },
    );
  }
}

/**
 * Makes the device what it should be, from nothing or from whatever is there under its name. Gives it as it is then, and
 * how many changes that took.
 *
 * @throws NetlinkError when the kernel refuses, TunnelKindError where it does not know the kind of device.
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
  const { name, mtu, tunnel } = device;
  let link = socket.getLink(name);
  if (link === undefined || !isSameTunnel(link, tunnel)) {
    if (link !== undefined) apply([deleteLink({ name })]);
    writes += create(socket, device);
    link = socket.getLink(name);
  }
  if (link === undefined) throw new Error(`interface ${name} is gone as soon as it was made`);
  const { index } = link;
  const mac = tunnel.kind === 'vxlan' ? tunnel.mac : undefined;
  if (link.mtu !== mtu || (mac !== undefined && link.mac !== mac)) {
    apply([setLink({ index, mtu, ...(mac === undefined ? {} : { mac }) })]);
  }
  // Up first: the kernel drops what addresses IPv6 devices had when they go down.
  if (!link.up) apply([setLink({ index, up: true })]);
  apply(addressRequests(socket, index, device.address));
  return { link: { ...link, up: true, mtu, mac: mac ?? link.mac }, writes };
}

/**
 * Takes a device away, if it is there; gives how many changes that took. The module's own tunl0 cannot be deleted: it
 * goes down without addresses instead, and is left alone when it has none.
 */
export function removeDevice(socket: RouteSocket, name: string): number {
  const link = socket.getLink(name);
  if (link === undefined) return 0;
  if (link.kind !== 'ipip') {
    socket.apply([deleteLink({ name })]);
    return 1;
  }
  const removals = addressRequests(socket, link.index, undefined);
  if (removals.length === 0) return 0;
  const requests = [...removals, setLink({ index: link.index, up: false }), deleteLink({ name })];
  socket.apply(requests);
  return requests.length;
}

/** Gives how many changes that took. */
function create(socket: RouteSocket, { name, mtu, tunnel }: TunnelDevice): number {
  const make = { ipip: createIpip, wireguard: createWireguard };
  const request = tunnel.kind === 'vxlan' ? createVxlan({ name, mtu, ...tunnel }) : make[tunnel.kind]({ name, mtu });
  const [error] = socket.execute([request]);
  // Asked for the first of its kind, the kernel loads a module, which may bring the device along.
  if (error === undefined || (error.code === 'EEXIST' && socket.getLink(name) !== undefined)) return 1;
  if (error.code === 'EOPNOTSUPP') throw new TunnelKindError(tunnel.kind, error);
  if (error.code !== 'EEXIST' || tunnel.kind !== 'vxlan') throw error;
  const rival = socket.listLinks().find(({ vxlan }) => vxlan !== undefined && isRival(vxlan, tunnel));
  if (rival === undefined) throw error;
  // With our own address it is ours, under another name.
  if (rival.mac !== tunnel.mac) throw new RivalDeviceError(rival.name, tunnel, error);
  socket.apply([deleteLink({ index: rival.index }), request]);
  return 3;
}

/** Each family has networks of its own. */
function isRival({ vni, port, local }: VxlanLink, wanted: VxlanTunnel): boolean {
  return vni === wanted.vni && port === wanted.port && familyOf(local ?? wanted.local) === familyOf(wanted.local);
}

function isSameTunnel(link: Link, wanted: TunnelDevice['tunnel']): boolean {
  if (link.kind !== wanted.kind) return false;
  return wanted.kind !== 'vxlan' || isSameVxlan(link.vxlan, { ...wanted, isLearning: false });
}

export function isSameVxlan(a: VxlanLink | undefined, b: VxlanLink | undefined): boolean {
  return (
    a?.vni === b?.vni &&
    a?.port === b?.port &&
    a?.local === b?.local &&
    a?.deviceIndex === b?.deviceIndex &&
    a?.isLearning === b?.isLearning
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

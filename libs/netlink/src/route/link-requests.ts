import { familyOf, ipToBytes, macToBytes, type IpAddress, type Mac } from '@calico-node/net';
import { AttributeWriter } from '../attribute-writer.ts';
import { messageFlag, type NetlinkRequest } from '../message.ts';
import type { Netns } from '../netns.ts';
import { AF_INET, rtm } from './kernel-numbers.ts';
import { interfaceFlag, LINK_HEADER_BYTES, linkAttribute, linkInfo, vxlanInfo } from './link.ts';

const VETH_INFO_PEER = 1;
const IFLA_INET_CONF = 1;
const IFNAMSIZ = 16;

/** An interface by its name or its index. */
export type LinkRef = { readonly name: string } | { readonly index: number };

interface LinkProperties {
  readonly mtu?: number;
  readonly mac?: Mac;
}

interface NewLink extends LinkProperties {
  readonly name: string;
  /** Transmit and receive queues; the kernel's default when absent. */
  readonly queues?: number;
}

export interface VethSpec extends NewLink {
  readonly peer: NewLink & {
    /** Where the peer is born: a namespace that stays open until the request is executed. Ours when absent. */
    readonly netns?: Netns | number;
  };
}

export interface VxlanSpec extends NewLink {
  readonly vni: number;
  /** UDP port; 4789 when absent. */
  readonly port?: number;
  /** The tunnel's source address. */
  readonly local?: IpAddress;
  /** The underlay interface. */
  readonly deviceIndex?: number;
  /** Learn addresses from packets; off when absent, since the forwarding database is programmed. */
  readonly isLearning?: boolean;
}

/** Settings of net/ipv4/conf/IF, which netlink can write where /proc/sys is read-only. */
export interface InetConf {
  readonly forwarding?: boolean;
  readonly proxyArp?: boolean;
  /** 0 off, 1 strict, 2 loose. */
  readonly rpFilter?: 0 | 1 | 2;
  readonly arpNotify?: boolean;
  readonly routeLocalnet?: boolean;
}

/** IPV4_DEVCONF_* (include/uapi/linux/ip.h). */
const devconf = { forwarding: 1, proxyArp: 3, rpFilter: 8, arpNotify: 22, routeLocalnet: 26 } as const;

export interface LinkChange extends LinkProperties {
  readonly up?: boolean;
  /** The bridge to join; 0 to leave it. */
  readonly master?: number;
  /** Moves the interface; it takes tens of milliseconds. Better to create it there. */
  readonly netns?: Netns | number;
  readonly inetConf?: InetConf;
  readonly alias?: string;
}

function linkHeader(index: number, flags = 0, change = 0): Uint8Array {
  const header = new Uint8Array(LINK_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setInt32(4, index, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, change, true);
  return header;
}

/** A message about one interface, which is named in the header or in its first attribute. */
function about(ref: LinkRef, flags = 0, change = 0): AttributeWriter {
  if ('index' in ref) return new AttributeWriter(linkHeader(ref.index, flags, change));
  return writeName(new AttributeWriter(linkHeader(0, flags, change)), ref.name);
}

function writeName(writer: AttributeWriter, name: string): AttributeWriter {
  if (name === '' || Buffer.byteLength(name) >= IFNAMSIZ) {
    throw new RangeError(`interface name ${JSON.stringify(name)}: 1 to 15 bytes`);
  }
  return writer.string(linkAttribute.name, name);
}

function describe(ref: LinkRef): string {
  return 'index' in ref ? `link ${ref.index}` : `link ${ref.name}`;
}

function fdOf(netns: Netns | number): number {
  return typeof netns === 'number' ? netns : netns.fd;
}

function writeProperties(writer: AttributeWriter, { mtu, mac }: LinkProperties): void {
  if (mtu !== undefined) writer.u32(linkAttribute.mtu, mtu);
  if (mac !== undefined) writer.bytes(linkAttribute.address, macToBytes(mac));
}

function writeQueues(writer: AttributeWriter, { queues }: NewLink): void {
  if (queues === undefined) return;
  writer.u32(linkAttribute.transmitQueues, queues).u32(linkAttribute.receiveQueues, queues);
}

function create(link: NewLink, kind: string, writeData?: (data: AttributeWriter) => void): NetlinkRequest {
  const writer = about({ name: link.name });
  writeProperties(writer, link);
  writeQueues(writer, link);
  writer.nested(linkAttribute.info, (info) => {
    info.string(linkInfo.kind, kind);
    if (writeData !== undefined) info.nested(linkInfo.data, writeData);
  });
  return {
    type: rtm.newLink,
    flags: messageFlag.create | messageFlag.exclusive,
    body: writer.finish(),
    label: `create ${kind} ${link.name}`,
  };
}

/**
 * Both ends of a veth pair, the peer born in its namespace. Both are down: a veth cannot be made up, so put a
 * `setLink` behind this in the same batch.
 */
export function createVeth(spec: VethSpec): NetlinkRequest {
  const { peer } = spec;
  return create(spec, 'veth', (data) => {
    data.nested(VETH_INFO_PEER, (writer) => {
      writer.raw(linkHeader(0));
      writeName(writer, peer.name);
      writeProperties(writer, peer);
      writeQueues(writer, peer);
      if (peer.netns !== undefined) writer.u32(linkAttribute.netnsFd, fdOf(peer.netns));
    });
  });
}

export function createBridge(spec: NewLink): NetlinkRequest {
  return create(spec, 'bridge');
}

/** An intermediate functional block: what is redirected to it passes through its qdisc and goes on as it came. */
export function createIfb(spec: NewLink): NetlinkRequest {
  return create(spec, 'ifb');
}

/**
 * An IP-in-IP device without ends of its own: it takes packets from anywhere and sends them to its routes' gateways. The
 * module itself makes one that is called tunl0 in every namespace when it is loaded: EEXIST then.
 */
export function createIpip(spec: NewLink): NetlinkRequest {
  return create(spec, 'ipip');
}

/** Its keys, port and peers are a WireguardSocket's to set. */
export function createWireguard(spec: NewLink): NetlinkRequest {
  return create(spec, 'wireguard');
}

export function createVxlan(spec: VxlanSpec): NetlinkRequest {
  return create(spec, 'vxlan', (data) => {
    data.u32(vxlanInfo.id, spec.vni).be16(vxlanInfo.port, spec.port ?? 4789);
    data.u8(vxlanInfo.learning, spec.isLearning === true ? 1 : 0);
    if (spec.deviceIndex !== undefined) data.u32(vxlanInfo.link, spec.deviceIndex);
    if (spec.local !== undefined) {
      data.bytes(familyOf(spec.local) === 4 ? vxlanInfo.localIpv4 : vxlanInfo.localIpv6, ipToBytes(spec.local));
    }
  });
}

/** Changes what is given and leaves the rest. `rename` needs the interface to be given by index. */
export function setLink(
  change: LinkChange & ({ readonly name: string } | { readonly index: number; readonly rename?: string }),
): NetlinkRequest {
  const { up, master, netns, inetConf, alias } = change;
  const writer = about(change, up === true ? interfaceFlag.up : 0, up === undefined ? 0 : interfaceFlag.up);
  if ('index' in change && change.rename !== undefined) writeName(writer, change.rename);
  writeProperties(writer, change);
  if (master !== undefined) writer.u32(linkAttribute.master, master);
  if (netns !== undefined) writer.u32(linkAttribute.netnsFd, fdOf(netns));
  if (alias !== undefined) writer.string(linkAttribute.alias, alias);
  if (inetConf !== undefined) writeInetConf(writer, inetConf);
  return { type: rtm.setLink, flags: 0, body: writer.finish(), label: `set ${describe(change)}` };
}

function writeInetConf(writer: AttributeWriter, conf: InetConf): void {
  writer.nested(linkAttribute.afSpec, (afSpec) => {
    afSpec.nested(AF_INET, (inet) => {
      inet.nested(IFLA_INET_CONF, (settings) => {
        if (conf.forwarding !== undefined) settings.u32(devconf.forwarding, Number(conf.forwarding));
        if (conf.proxyArp !== undefined) settings.u32(devconf.proxyArp, Number(conf.proxyArp));
        if (conf.rpFilter !== undefined) settings.u32(devconf.rpFilter, conf.rpFilter);
        if (conf.arpNotify !== undefined) settings.u32(devconf.arpNotify, Number(conf.arpNotify));
        if (conf.routeLocalnet !== undefined) settings.u32(devconf.routeLocalnet, Number(conf.routeLocalnet));
      });
    });
  });
}

/** The kernel takes 20 to 30 ms for it: prefer `executeAsync`. */
export function deleteLink(ref: LinkRef): NetlinkRequest {
  return { type: rtm.deleteLink, flags: 0, body: about(ref).finish(), label: `delete ${describe(ref)}` };
}

/** RTEXT_FILTER_SKIP_STATS: counters make up half of a link's message. */
const SKIP_STATS = 8;

/** One interface, or with NLM_F_DUMP all of them. */
export function getLinkRequest(ref?: LinkRef): NetlinkRequest {
  const writer = ref === undefined ? new AttributeWriter(linkHeader(0)) : about(ref);
  return {
    type: rtm.getLink,
    flags: 0,
    body: writer.u32(linkAttribute.extMask, SKIP_STATS).finish(),
    label: ref === undefined ? 'list links' : `get ${describe(ref)}`,
  };
}

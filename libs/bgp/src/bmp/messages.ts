/** Messages of the BGP Monitoring Protocol, version 3: RFC 7854, RFC 8671 for Adj-RIB-Out, RFC 9069 for Loc-RIB. */
import { familyOf, ipFromBytes, ipToBytes, type Family, type IpAddress } from '@calico-node/net';
import type { DownReason } from '../fsm/fsm.ts';
import { ByteWriter } from '../wire/bytes.ts';
import { afiOf, unicast } from '../wire/capability.ts';
import { encodeAttributes } from '../wire/encode-attributes.ts';
import { messageType } from '../wire/header.ts';
import { encodeMessage, encodeNotification } from '../wire/message.ts';
import { writeNlri } from '../wire/nlri.ts';
import { attributeCode, attributeFlag, type PathAttributes } from '../wire/path-attributes.ts';
import type { Cidr } from '@calico-node/net';

const version = 3;
const headerLength = 6;
/** RFC 7854 4.1 */
const type = { routeMonitoring: 0, statistics: 1, peerDown: 2, peerUp: 3, initiation: 4, termination: 5 } as const;
/** RFC 7854 4.2 */
const peerFlag = { ipv6: 0x80, postPolicy: 0x40, as2: 0x20, adjRibOut: 0x10 } as const;
const peerIsGlobal = 0;
/** RFC 9069 4.1 */
const peerIsLocRib = 3;

/** The per-peer header's content. */
export interface BmpPeer {
  readonly address: IpAddress;
  readonly asn: number;
  readonly routerId: number;
  /** Whether AS paths have four octets for each number. */
  readonly as4: boolean;
  /** Which of its routes are told; the Adj-RIB-In before policy where it does not say. */
  readonly view?: BmpView;
}

/** `post-policy`: the Adj-RIB-In after policy; `adj-rib-out`: after policy; `loc-rib`: of this speaker itself. */
export type BmpView = 'post-policy' | 'adj-rib-out' | 'loc-rib';

/** What stands for the Loc-RIB in place of a peer (RFC 9069 4.2). */
export function locRibPeer(asn: number, routerId: number): BmpPeer {
  return { address: ipFromBytes(new Uint8Array(4)), asn, routerId, as4: true, view: 'loc-rib' };
}

/** Told where sessions begin; of the Loc-RIB, both OPENs are one that tells of its families (RFC 9069 5.1). */
export function locRibUp(open: Uint8Array): BmpPeerUp {
  const localAddress = ipFromBytes(new Uint8Array(4));
  return { localAddress, localPort: 0, remotePort: 0, sentOpen: open, receivedOpen: open, tableName: 'global' };
}

export interface BmpPeerUp {
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly remotePort: number;
  /** Whole messages. */
  readonly sentOpen: Uint8Array;
  readonly receivedOpen: Uint8Array;
  /** Of the Loc-RIB (RFC 9069 5.1). */
  readonly tableName?: string;
}

function message(kind: number, write: (writer: ByteWriter) => void): Uint8Array<ArrayBuffer> {
  const body = new ByteWriter();
  write(body);
  return new ByteWriter(headerLength + body.length)
    .u8(version)
    .u32(headerLength + body.length)
    .u8(kind)
    .bytes(body.finish())
    .finish();
}

function writeAddress(writer: ByteWriter, address: IpAddress): ByteWriter {
  const bytes = ipToBytes(address);
  return writer.fill(0, 16 - bytes.length).bytes(bytes);
}

const viewFlags: Readonly<Record<BmpView, number>> = {
  'post-policy': peerFlag.postPolicy,
  'adj-rib-out': peerFlag.adjRibOut | peerFlag.postPolicy,
  'loc-rib': 0,
};

function writePeer(writer: ByteWriter, peer: BmpPeer, unixMs: number): ByteWriter {
  const flags = (familyOf(peer.address) === 6 ? peerFlag.ipv6 : 0) | (peer.as4 ? 0 : peerFlag.as2);
  writer
    .u8(peer.view === 'loc-rib' ? peerIsLocRib : peerIsGlobal)
    .u8(flags | (peer.view === undefined ? 0 : viewFlags[peer.view]))
    .fill(0, 8);
  writeAddress(writer, peer.address).u32(peer.asn).u32(peer.routerId);
  return writer.u32(Math.floor(unixMs / 1000)).u32((unixMs % 1000) * 1000);
}

function writeText(writer: ByteWriter, tag: number, text: string): void {
  const bytes = new TextEncoder().encode(text).subarray(0, 0xffff);
  writer.u16(tag).u16(bytes.length).bytes(bytes);
}

/** RFC 7854 4.3 and 4.4: sysDescr and sysName. */
export function encodeInitiation(description: string, name: string): Uint8Array<ArrayBuffer> {
  return message(type.initiation, (writer) => {
    writeText(writer, 1, description);
    writeText(writer, 2, name);
  });
}

/** RFC 7854 4.5, reason 0: the session is closed on purpose. */
export function encodeTermination(): Uint8Array<ArrayBuffer> {
  return message(type.termination, (writer) => writer.u16(1).u16(2).u16(0));
}

/** RFC 7854 4.10 */
export function encodePeerUp(peer: BmpPeer, up: BmpPeerUp, unixMs: number): Uint8Array<ArrayBuffer> {
  return message(type.peerUp, (writer) => {
    writeAddress(writePeer(writer, peer, unixMs), up.localAddress)
      .u16(up.localPort)
      .u16(up.remotePort);
    writer.bytes(up.sentOpen).bytes(up.receivedOpen);
    if (up.tableName !== undefined) writeText(writer, 3, up.tableName);
  });
}

/** RFC 7854 4.9 */
export function encodePeerDown(peer: BmpPeer, reason: DownReason, unixMs: number): Uint8Array<ArrayBuffer> {
  return message(type.peerDown, (writer) => {
    writePeer(writer, peer, unixMs);
    switch (reason.kind) {
      case 'sent':
        writer.u8(1).bytes(encodeNotification(reason.notification));
        return;
      case 'stopped':
        // Without a NOTIFICATION: the event of RFC 4271 8.1, here ManualStop.
        if (reason.notification === undefined) writer.u8(2).u16(2);
        else writer.u8(1).bytes(encodeNotification(reason.notification));
        return;
      case 'received':
        writer.u8(3).bytes(encodeNotification(reason.notification));
        return;
      case 'transport':
        writer.u8(4);
    }
  });
}

/** RFC 7854 4.6. @param update a whole UPDATE message. */
export function encodeRouteMonitoring(peer: BmpPeer, update: Uint8Array, unixMs: number): Uint8Array<ArrayBuffer> {
  return message(type.routeMonitoring, (writer) => writePeer(writer, peer, unixMs).bytes(update));
}

/** What a Statistics Report tells. The first five count from the start of the session; the others are as they stand. */
export interface BmpStatistics {
  /** Routes that import filters rejected. */
  readonly rejected: number;
  readonly clusterLoops: number;
  readonly asLoops: number;
  readonly originatorLoops: number;
  /** UPDATEs whose routes were taken for withdrawn (RFC 7606). */
  readonly treatedAsWithdrawn: number;
  readonly routesIn: ReadonlyMap<Family, number>;
  readonly routesOut: ReadonlyMap<Family, number>;
}

/** RFC 7854 4.8, and RFC 8671 6.2 for what is sent. */
export function encodeStatistics(peer: BmpPeer, report: BmpStatistics, unixMs: number): Uint8Array<ArrayBuffer> {
  const { rejected, clusterLoops, asLoops, originatorLoops, treatedAsWithdrawn, routesIn, routesOut } = report;
  const counters = new Map([
    [0, rejected],
    [3, clusterLoops],
    [4, asLoops],
    [5, originatorLoops],
    [11, treatedAsWithdrawn],
  ]);
  const gauges = new Map([
    [7, sumOf(routesIn)],
    [15, sumOf(routesOut)],
  ]);
  const perFamily = [
    [9, routesIn],
    [17, routesOut],
  ] as const;
  return message(type.statistics, (writer) => {
    writePeer(writer, peer, unixMs).u32(counters.size + gauges.size + routesIn.size + routesOut.size);
    for (const [kind, value] of counters)
      writer
        .u16(kind)
        .u16(4)
        .u32(value % 2 ** 32);
    for (const [kind, value] of gauges) writeGauge(writer.u16(kind).u16(8), value);
    for (const [kind, routes] of perFamily) writePerFamily(writer, kind, routes);
  });
}

/** Statistics of the Loc-RIB (RFC 9069 5.5): how many routes it has, in all and by family. */
export function encodeLocRibStatistics(
  peer: BmpPeer,
  routes: ReadonlyMap<Family, number>,
  unixMs: number,
): Uint8Array<ArrayBuffer> {
  return message(type.statistics, (writer) => {
    writePeer(writer, peer, unixMs).u32(1 + routes.size);
    writeGauge(writer.u16(8).u16(8), sumOf(routes));
    writePerFamily(writer, 10, routes);
  });
}

function sumOf(routes: ReadonlyMap<Family, number>): number {
  return [...routes.values()].reduce((a, b) => a + b, 0);
}

function writePerFamily(writer: ByteWriter, kind: number, routes: ReadonlyMap<Family, number>): void {
  for (const [family, value] of routes) writeGauge(writer.u16(kind).u16(11).u16(afiOf(family)).u8(unicast), value);
}

function writeGauge(writer: ByteWriter, value: number): void {
  writer.u32(Math.floor(value / 2 ** 32)).u32(value % 2 ** 32);
}

/** An UPDATE that announces one prefix as a peer has, in the form that its session has agreed on. */
export function encodeOneRoute(
  prefix: Cidr,
  attributes: PathAttributes,
  { as4, pathId }: { readonly as4: boolean; readonly pathId: number | undefined },
): Uint8Array<ArrayBuffer> {
  const { nextHop } = attributes;
  const isPlain = familyOf(prefix) === 4 && nextHop !== undefined && familyOf(nextHop) === 4;
  const encoded = encodeAttributes(attributes, { as4, withNextHop: isPlain });
  const reach = isPlain ? new Uint8Array(0) : encodeReach(familyOf(prefix), prefix, attributes, pathId);
  const body = new ByteWriter()
    .u16(0)
    .u16(encoded.length + reach.length)
    .bytes(encoded)
    .bytes(reach);
  if (isPlain) writeNlri(body, prefix, pathId);
  return encodeMessage(messageType.update, body.finish());
}

/** An UPDATE that withdraws one prefix, in the form that the peer's session has agreed on. */
export function encodeOneWithdrawal(prefix: Cidr, pathId: number | undefined): Uint8Array<ArrayBuffer> {
  const nlri = new ByteWriter();
  const family = familyOf(prefix);
  if (family === 4) {
    writeNlri(nlri, prefix, pathId);
    const body = new ByteWriter().u16(nlri.length).bytes(nlri.finish()).u16(0);
    return encodeMessage(messageType.update, body.finish());
  }
  writeNlri(nlri.u16(afiOf(family)).u8(unicast), prefix, pathId);
  const unreach = new ByteWriter().u8(attributeFlag.optional).u8(attributeCode.mpUnreach).u8(nlri.length);
  unreach.bytes(nlri.finish());
  return encodeMessage(
    messageType.update,
    new ByteWriter().u16(0).u16(unreach.length).bytes(unreach.finish()).finish(),
  );
}

/** MP_REACH_NLRI (RFC 4760 3). */
function encodeReach(
  family: Family,
  prefix: Cidr,
  { nextHop, linkLocalNextHop }: PathAttributes,
  pathId: number | undefined,
): Uint8Array {
  const nextHops = [nextHop, linkLocalNextHop].flatMap((address) =>
    address === undefined ? [] : [ipToBytes(address)],
  );
  const value = new ByteWriter().u16(afiOf(family)).u8(unicast);
  value.u8(nextHops.reduce((sum, bytes) => sum + bytes.length, 0));
  for (const bytes of nextHops) value.bytes(bytes);
  writeNlri(value.u8(0), prefix, pathId);
  const head = new ByteWriter().u8(attributeFlag.optional | attributeFlag.extendedLength).u8(attributeCode.mpReach);
  return head.u16(value.length).bytes(value.finish()).finish();
}

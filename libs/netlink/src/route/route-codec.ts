import {
  addressBits,
  cidrOf,
  familyOf,
  ipFromBytes,
  ipToBytes,
  splitCidr,
  type Family,
  type IpAddress,
} from '@calico-node/net';
import { AttributeWriter, viewOf } from '../attribute-writer.ts';
import { readAttributes, type Attributes } from '../attributes.ts';
import { messageFlag, type NetlinkMessage, type NetlinkRequest } from '../message.ts';
import { addressFamily, familyOfNumber, nameOf, rtm } from './kernel-numbers.ts';
import {
  NEXT_HOP_HEADER_BYTES,
  nextHopFlag,
  ROUTE_CLONED,
  ROUTE_HEADER_BYTES,
  routeAttribute,
  routeProtocol,
  routeTable,
  routeTypeNumber,
  scopeNumber,
  type NextHop,
  type Route,
  type RouteSpec,
} from './route.ts';

interface RouteHeader {
  readonly family: Family;
  readonly prefixLength: number;
  readonly table: number;
  readonly protocol: number;
  readonly scope: number;
  readonly type: number;
  /** Only those of the lowest byte. */
  readonly flags: number;
}

/** A writer that begins with `struct rtmsg`. Tables above 255 stand in an attribute instead. */
function routeWriter(header: RouteHeader): AttributeWriter {
  const { family, prefixLength, protocol, scope, type, flags } = header;
  const table = header.table > 255 ? 0 : header.table;
  return new AttributeWriter(undefined, 80)
    .rawOctets(addressFamily(family), prefixLength, 0, 0)
    .rawOctets(table, protocol, scope, type)
    .rawOctets(flags, 0, 0, 0);
}

/** `struct rtvia` for a gateway of the other family, plain bytes otherwise. */
function writeGateway(writer: AttributeWriter, family: Family, gateway: IpAddress): void {
  const gatewayFamily = familyOf(gateway);
  if (gatewayFamily === family) {
    writer.ip(routeAttribute.gateway, gateway);
    return;
  }
  const bytes = ipToBytes(gateway);
  const via = new Uint8Array(2 + bytes.length);
  new DataView(via.buffer).setUint16(0, addressFamily(gatewayFamily), true);
  via.set(bytes, 2);
  writer.bytes(routeAttribute.via, via);
}

function writeNextHop(writer: AttributeWriter, family: Family, hop: NextHop): void {
  const body = new AttributeWriter(new Uint8Array(NEXT_HOP_HEADER_BYTES), 32);
  if (hop.gateway !== undefined) writeGateway(body, family, hop.gateway);
  const bytes = body.finish();
  const view = viewOf(bytes);
  view.setUint16(0, bytes.length, true);
  view.setUint8(2, hop.onlink === true ? nextHopFlag.onlink : 0);
  view.setUint8(3, (hop.weight ?? 1) - 1);
  view.setInt32(4, hop.interfaceIndex ?? 0, true);
  writer.raw(bytes);
}

function writeBody(
  spec: RouteSpec,
  header: Omit<RouteHeader, 'family' | 'prefixLength' | 'table' | 'flags'>,
): Uint8Array {
  const { ip, prefixLength, family } = splitCidr(spec.destination);
  const { gateway, interfaceIndex, multipath, table = routeTable.main, metric, source } = spec;
  const flags = spec.onlink === true ? nextHopFlag.onlink : 0;
  const writer = routeWriter({ ...header, family, prefixLength, table, flags });
  writer.ip(routeAttribute.destination, ip);
  writer.u32(routeAttribute.table, table);
  if (metric !== undefined) writer.u32(routeAttribute.priority, metric);
  if (source !== undefined) writer.ip(routeAttribute.preferredSource, source);
  if (interfaceIndex !== undefined) writer.u32(routeAttribute.outputInterface, interfaceIndex);
  if (gateway !== undefined) writeGateway(writer, family, gateway);
  if (multipath !== undefined) {
    writer.nested(routeAttribute.multipath, () => {
      for (const hop of multipath) writeNextHop(writer, family, hop);
    });
  }
  return writer.finish();
}

/** The scope that `ip route` gives to a route that does not say. */
function defaultScope({ destination, gateway, multipath, type = 'unicast' }: RouteSpec): number {
  if (splitCidr(destination).family === 6) return scopeNumber.universe;
  if (type === 'local') return scopeNumber.host;
  return type === 'unicast' && gateway === undefined && multipath === undefined
    ? scopeNumber.link
    : scopeNumber.universe;
}

function makeRoute(spec: RouteSpec, flags: number, verb: string): NetlinkRequest {
  const body = writeBody(spec, {
    protocol: spec.protocol ?? routeProtocol.static,
    scope: spec.scope === undefined ? defaultScope(spec) : scopeNumber[spec.scope],
    type: routeTypeNumber[spec.type ?? 'unicast'],
  });
  return { type: rtm.newRoute, flags: messageFlag.create | flags, body, label: `${verb} route ${spec.destination}` };
}

/** Fails with EEXIST when the table has a route with this destination and metric. */
export function addRoute(spec: RouteSpec): NetlinkRequest {
  return makeRoute(spec, messageFlag.exclusive, 'add');
}

/** Takes the place of the route with this destination and metric, without a gap, or is added when there is none. */
export function replaceRoute(spec: RouteSpec): NetlinkRequest {
  return makeRoute(spec, messageFlag.replace, 'replace');
}

/**
 * Deletes the first route that has this destination and every other property that is given.
 * Fails with ESRCH when there is none. `table` is main when absent.
 */
export function deleteRoute(spec: RouteSpec): NetlinkRequest {
  const body = writeBody(spec, {
    protocol: spec.protocol ?? 0,
    scope: spec.scope === undefined ? scopeNumber.nowhere : scopeNumber[spec.scope],
    type: spec.type === undefined ? 0 : routeTypeNumber[spec.type],
  });
  return { type: rtm.deleteRoute, flags: 0, body, label: `delete route ${spec.destination}` };
}

export function listRoutesRequest(family: Family, table: number | undefined): NetlinkRequest {
  const none = { protocol: 0, scope: 0, type: 0, flags: 0, prefixLength: 0, table: 0 };
  const writer = routeWriter({ ...none, family });
  if (table !== undefined) writer.u32(routeAttribute.table, table);
  return { type: rtm.getRoute, flags: 0, body: writer.finish(), label: `list IPv${family} routes` };
}

/** Asks which way a packet to `ip` would go. */
export function lookupRouteRequest(ip: IpAddress): NetlinkRequest {
  const family = familyOf(ip);
  const none = { protocol: 0, scope: 0, type: 0, flags: 0, table: 0 };
  const writer = routeWriter({ ...none, family, prefixLength: addressBits(family) });
  writer.ip(routeAttribute.destination, ip);
  return { type: rtm.getRoute, flags: 0, body: writer.finish(), label: `look up the route to ${ip}` };
}

const unspecified = { 4: ipFromBytes(new Uint8Array(4)), 6: ipFromBytes(new Uint8Array(16)) } as const;

function readGateway(attributes: Attributes): IpAddress | undefined {
  const gateway = attributes.bytes(routeAttribute.gateway) ?? attributes.bytes(routeAttribute.via)?.subarray(2);
  return gateway === undefined ? undefined : ipFromBytes(gateway);
}

/** `struct rtnexthop` after `struct rtnexthop`, each with its attributes. */
function readMultipath(bytes: Uint8Array): NextHop[] {
  const view = viewOf(bytes);
  const hops: NextHop[] = [];
  let at = 0;
  while (at + NEXT_HOP_HEADER_BYTES <= bytes.length) {
    const length = view.getUint16(at, true);
    if (length < NEXT_HOP_HEADER_BYTES || at + length > bytes.length) break;
    const gateway = readGateway(readAttributes(bytes.subarray(at, at + length), NEXT_HOP_HEADER_BYTES));
    hops.push({
      ...(gateway === undefined ? {} : { gateway }),
      interfaceIndex: view.getInt32(at + 4, true),
      weight: view.getUint8(at + 3) + 1,
      ...((view.getUint8(at + 2) & nextHopFlag.onlink) === 0 ? {} : { onlink: true }),
    });
    at += (length + 3) & ~3;
  }
  return hops;
}

/** Reads an RTM_NEWROUTE or RTM_DELROUTE message; `undefined` for others, and for other families. */
export function decodeRoute(message: NetlinkMessage): Route | undefined {
  if (message.type !== rtm.newRoute && message.type !== rtm.deleteRoute) return undefined;
  const { body } = message;
  if (body.length < ROUTE_HEADER_BYTES) return undefined;
  const view = viewOf(body);
  const family = familyOfNumber(view.getUint8(0));
  const type = nameOf(routeTypeNumber, view.getUint8(7));
  if (family === undefined || type === undefined) return undefined;
  const flags = view.getUint32(8, true);
  const attributes = readAttributes(body, ROUTE_HEADER_BYTES);
  const destination = attributes.bytes(routeAttribute.destination);
  const gateway = readGateway(attributes);
  const interfaceIndex = attributes.u32(routeAttribute.outputInterface);
  const multipath = attributes.bytes(routeAttribute.multipath);
  const metric = attributes.u32(routeAttribute.priority);
  const source = attributes.bytes(routeAttribute.preferredSource);
  return {
    family,
    destination: cidrOf(destination === undefined ? unspecified[family] : ipFromBytes(destination), view.getUint8(1)),
    ...(gateway === undefined ? {} : { gateway }),
    ...(interfaceIndex === undefined ? {} : { interfaceIndex }),
    ...(multipath === undefined ? {} : { multipath: readMultipath(multipath) }),
    table: attributes.u32(routeAttribute.table) ?? view.getUint8(4),
    protocol: view.getUint8(5),
    scope: nameOf(scopeNumber, view.getUint8(6)) ?? 'site',
    type,
    ...(metric === undefined ? {} : { metric }),
    ...(source === undefined ? {} : { source: ipFromBytes(source) }),
    ...((flags & nextHopFlag.onlink) === 0 ? {} : { onlink: true }),
  };
}

/** Whether a message tells of a route cache entry rather than a route. */
export function isCloned(message: NetlinkMessage): boolean {
  return message.body.length >= ROUTE_HEADER_BYTES && (viewOf(message.body).getUint32(8, true) & ROUTE_CLONED) !== 0;
}

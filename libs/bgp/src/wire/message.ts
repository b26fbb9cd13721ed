import { familyOf, ipToBytes, type Cidr, type Family, type IpAddress } from '@calico-node/net';
import { ByteWriter, u16, u8 } from './bytes.ts';
import { afiOf, familyOfAfi, unicast } from './capability.ts';
import { headerLength, messageType, type MessageType } from './header.ts';
import { writeNlri } from './nlri.ts';
import { errorCode, notification, type Notification } from './notification.ts';
import { encodeOpen, type OpenMessage } from './open.ts';
import { attributeCode, attributeFlag } from './path-attributes.ts';

/** A whole message from a body: marker, length, type (RFC 4271 4.1). */
export function encodeMessage(type: MessageType, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, headerLength);
  const writer = new ByteWriter(length).fill(0xff, 16).u16(length).u8(type);
  for (const part of parts) writer.bytes(part);
  return writer.finish();
}

export function encodeOpenMessage(open: OpenMessage): Uint8Array<ArrayBuffer> {
  return encodeMessage(messageType.open, encodeOpen(open));
}

export function encodeKeepalive(): Uint8Array<ArrayBuffer> {
  return encodeMessage(messageType.keepalive);
}

export function encodeNotification({ code, subcode, data }: Notification): Uint8Array<ArrayBuffer> {
  // The message may not exceed 4096 octets, whatever offended.
  return encodeMessage(
    messageType.notification,
    Uint8Array.of(code, subcode),
    data.subarray(0, 4096 - headerLength - 2),
  );
}

/** RFC 7313 3.2: a request, or the marks around the answer. */
export type RouteRefreshKind = 'request' | 'begin' | 'end';

const refreshKinds: readonly RouteRefreshKind[] = ['request', 'begin', 'end'];

export function encodeRouteRefresh(family: Family, kind: RouteRefreshKind = 'request'): Uint8Array<ArrayBuffer> {
  return encodeMessage(messageType.routeRefresh, Uint8Array.of(0, afiOf(family), refreshKinds.indexOf(kind), unicast));
}

export type RouteRefresh =
  | { readonly kind: RouteRefreshKind; readonly family: Family }
  /** A family or a subtype to be ignored (RFC 2918 4, RFC 7313 5). */
  | { readonly kind: 'ignored' }
  | { readonly kind: 'error'; readonly notification: Notification };

/** The body of a ROUTE-REFRESH of at least 22 octets, which the framer has checked. */
export function decodeRouteRefresh(bytes: Uint8Array, start: number, end: number): RouteRefresh {
  if (end - start !== 4) {
    const messageAt = start - headerLength;
    // RFC 7313 5: of the marks, the data is the whole message; of a request (RFC 2918), it is a matter of the header.
    const isMark = u8(bytes, start + 2) === 1 || u8(bytes, start + 2) === 2;
    const answer = isMark
      ? notification(errorCode.routeRefresh, 1, bytes.slice(messageAt, end))
      : notification(errorCode.messageHeader, 2, bytes.slice(messageAt + 16, messageAt + 18));
    return { kind: 'error', notification: answer };
  }
  const family = familyOfAfi(u16(bytes, start), u8(bytes, start + 3));
  const kind = refreshKinds[u8(bytes, start + 2)];
  return family === undefined || kind === undefined ? { kind: 'ignored' } : { family, kind };
}

/** The mark that the initial table of a family is complete (RFC 4724 2). */
export function encodeEndOfRib(family: Family): Uint8Array<ArrayBuffer> {
  if (family === 4) return encodeMessage(messageType.update, new Uint8Array(4));
  return encodeMessage(
    messageType.update,
    Uint8Array.of(0, 0, 0, 6, attributeFlag.optional, attributeCode.mpUnreach, 3, 0, afiOf(family), unicast),
  );
}

/** What a packer needs to know of an UPDATE's announcements. */
export interface AnnouncementTemplate {
  readonly family: Family;
  /** As `encodeAttributes` gives it: with NEXT_HOP for an IPv4 next hop, without for one of IPv6. */
  readonly attributes: Uint8Array;
  /** How many of these octets it is, if not all. */
  readonly attributesLength?: number;
  /** For MP_REACH_NLRI; for prefixes of IPv4 only if it is an IPv6 address (RFC 8950). */
  readonly nextHop?: IpAddress | undefined;
  /** The next hop's address on the link that it has in common with the peer (RFC 2545 3). */
  readonly linkLocal?: IpAddress | undefined;
}

/**
 * Packs prefixes into as few UPDATEs as `maxLength` allows (RFC 4271 4.3). Prefixes are given in encoded
 * form, one after the other, through `add`; the messages are appended to a writer, whole after `close`.
 */
export class UpdatePacker {
  readonly #maxLength: number;
  #withdraw = true;
  /** What still follows the prefixes: the attributes of MP_REACH_NLRI, the attributes' length of a withdrawal. */
  #tail = 0;
  readonly #family: Family;
  #isMultiprotocol = false;
  readonly #writer: ByteWriter;
  #template: AnnouncementTemplate | undefined;
  #attributesLength = 0;
  #start = 0;
  #attributesAt = 0;
  #reachAt = 0;
  #count = 0;

  /**
   * @param template what is announced; absent to withdraw.
   * @param writer where messages go, after what it holds already.
   */
  constructor(family: Family, maxLength: number, template?: AnnouncementTemplate, writer = new ByteWriter(4096)) {
    this.#family = family;
    this.#maxLength = maxLength;
    this.#writer = writer;
    this.start(template);
  }

  /** Completes the last message; what is added from now on is announced so, or withdrawn without a template. */
  start(template: AnnouncementTemplate | undefined): void {
    this.close();
    const family = this.#family;
    this.#template = template;
    this.#attributesLength = template?.attributesLength ?? template?.attributes.length ?? 0;
    this.#withdraw = template === undefined;
    this.#isMultiprotocol = family === 6 || (template?.nextHop !== undefined && familyOf(template.nextHop) === 6);
    this.#tail = this.#isMultiprotocol ? this.#attributesLength : template === undefined ? 2 : 0;
  }

  /** Adds a prefix whose length octet is at `at` of `bytes`, `size` octets with it. */
  add(bytes: Uint8Array, at: number, size: number, pathId?: number): void {
    this.#room(size, pathId);
    this.#writer.copy(bytes, at, size);
  }

  /** Adds a prefix of IPv4, with its path identifier where the session has them (RFC 7911 3). */
  add4(address: number, bits: number, pathId?: number): void {
    this.#room(1 + ((bits + 7) >> 3), pathId);
    this.#writer.prefix4(address, bits);
  }

  addCidr(prefix: Cidr, pathId?: number): void {
    const one = new ByteWriter(17);
    writeNlri(one, prefix);
    this.add(one.finish(), 0, one.length, pathId);
  }

  /** Completes the last message. */
  close(): void {
    if (this.#count === 0) return;
    const writer = this.#writer;
    if (this.#isMultiprotocol) {
      writer.patchU16(this.#reachAt + 2, writer.length - this.#reachAt - 4);
      if (this.#template !== undefined) writer.copy(this.#template.attributes, 0, this.#attributesLength);
      writer.patchU16(this.#attributesAt, writer.length - this.#attributesAt - 2);
    } else if (this.#withdraw) {
      writer.patchU16(this.#start + headerLength, writer.length - this.#start - headerLength - 2);
      writer.u16(0);
    }
    writer.patchU16(this.#start + 16, writer.length - this.#start);
    this.#count = 0;
  }

  /** All that the writer holds, the last message completed. */
  finish(): Uint8Array<ArrayBuffer> {
    this.close();
    return this.#writer.finish();
  }

  #room(size: number, pathId: number | undefined): void {
    const octets = pathId === undefined ? size : size + 4;
    if (this.#count > 0 && this.#writer.length - this.#start + octets + this.#tail > this.#maxLength) this.close();
    if (this.#count === 0) this.#begin();
    if (pathId !== undefined) this.#writer.u32(pathId);
    this.#count++;
  }

  #begin(): void {
    const writer = this.#writer;
    this.#start = writer.length;
    writer.fill(0xff, 16).u16(0).u8(messageType.update).u16(0);
    if (this.#withdraw && !this.#isMultiprotocol) return;
    this.#attributesAt = writer.length;
    writer.u16(0);
    if (this.#isMultiprotocol) {
      // RFC 7606 5.1: the MP attribute comes first.
      this.#reachAt = writer.length;
      const code = this.#withdraw ? attributeCode.mpUnreach : attributeCode.mpReach;
      writer
        .u8(attributeFlag.optional | attributeFlag.extendedLength)
        .u8(code)
        .u16(0)
        .u16(afiOf(this.#family))
        .u8(unicast);
      if (!this.#withdraw) {
        const { nextHop, linkLocal } = this.#template ?? {};
        const hop = nextHop === undefined ? new Uint8Array(16) : ipToBytes(nextHop);
        const onLink = linkLocal === undefined ? new Uint8Array(0) : ipToBytes(linkLocal);
        writer
          .u8(hop.length + onLink.length)
          .bytes(hop)
          .bytes(onLink)
          .u8(0);
      }
    } else if (this.#template !== undefined) {
      writer.copy(this.#template.attributes, 0, this.#attributesLength);
      writer.patchU16(this.#attributesAt, this.#attributesLength);
    }
  }
}

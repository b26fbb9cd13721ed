import { u16, u32, u8, ByteWriter } from './bytes.ts';
import { decodeCapability, writeCapability, type Capability } from './capability.ts';
import { errorCode, notification, type Notification } from './notification.ts';

/** An OPEN message (RFC 4271 4.2). */
export interface OpenMessage {
  /** The speaker's AS number, from the four-octet capability if there is one (RFC 6793 4.1). */
  readonly asn: number;
  readonly holdSeconds: number;
  /** The BGP Identifier, as a number. */
  readonly routerId: number;
  readonly capabilities: readonly Capability[];
}

export type OpenResult =
  { readonly ok: true; readonly open: OpenMessage } | { readonly ok: false; readonly notification: Notification };

/** What a speaker with a four-octet AS number puts into the old field (RFC 6793 4.2.2). */
export const asTrans = 23456;

const parameterCapabilities = 2; // RFC 5492 4
const extendedMarker = 255; // RFC 9072 2

function refuse(subcode: number, ...data: readonly number[]): OpenResult {
  return { ok: false, notification: notification(errorCode.open, subcode, Uint8Array.from(data)) };
}

/**
 * The body of an OPEN message of at least 29 octets, which the framer has checked. Checks what can be
 * checked without configuration, in the order of RFC 4271 6.2; what depends on it is in `negotiate`.
 */
export function decodeOpen(bytes: Uint8Array, start: number, end: number): OpenResult {
  // 6.2: the data is the largest version that we support.
  if (u8(bytes, start) !== 4) return refuse(1, 0, 4);
  const holdSeconds = u16(bytes, start + 3);
  const routerId = u32(bytes, start + 5);
  const parameters = decodeParameters(bytes, start + 9, end);
  if (!parameters.ok) return parameters;
  const { capabilities } = parameters;
  const fourOctet = capabilities.find((capability) => capability.kind === 'four-octet-as');
  const asn = fourOctet?.asn ?? u16(bytes, start + 1);
  // RFC 7607 2: AS 0 is never acceptable.
  if (asn === 0) return refuse(2);
  // 6.2: one or two seconds must be refused.
  if (holdSeconds === 1 || holdSeconds === 2) return refuse(6);
  // RFC 6286 2.1: any identifier but zero.
  if (routerId === 0) return refuse(3);
  return { ok: true, open: { asn, holdSeconds, routerId, capabilities } };
}

type Parameters =
  { readonly ok: true; readonly capabilities: readonly Capability[] } | Extract<OpenResult, { ok: false }>;

function decodeParameters(bytes: Uint8Array, start: number, end: number): Parameters {
  // 6.2: an optional parameter that is recognised but malformed is answered with subcode 0.
  const malformed = (): Parameters => ({ ok: false, notification: notification(errorCode.open) });
  let at = start + 1;
  let length = u8(bytes, start);
  let lengthOctets = 1;
  // RFC 9072 2: a first parameter of type 255 marks the long form, whatever the old length says (but zero).
  if (length !== 0 && end - at >= 3 && u8(bytes, at) === extendedMarker) {
    length = u16(bytes, at + 1);
    lengthOctets = 2;
    at += 3;
  }
  if (at + length !== end) return malformed();
  const capabilities: Capability[] = [];
  while (at < end) {
    if (end - at < 1 + lengthOctets) return malformed();
    const type = u8(bytes, at);
    const size = lengthOctets === 1 ? u8(bytes, at + 1) : u16(bytes, at + 1);
    at += 1 + lengthOctets;
    if (size > end - at) return malformed();
    // 6.2: a parameter that is not recognised (authentication, type 1, is deprecated) has subcode 4.
    if (type !== parameterCapabilities) return { ok: false, notification: notification(errorCode.open, 4) };
    if (!decodeCapabilities(bytes, at, at + size, capabilities)) return malformed();
    at += size;
  }
  return { ok: true, capabilities };
}

function decodeCapabilities(bytes: Uint8Array, start: number, end: number, into: Capability[]): boolean {
  let at = start;
  while (at < end) {
    if (end - at < 2) return false;
    const length = u8(bytes, at + 1);
    if (length > end - at - 2) return false;
    const capability = decodeCapability(u8(bytes, at), bytes.slice(at + 2, at + 2 + length));
    if (capability === undefined) return false;
    into.push(capability);
    at += 2 + length;
  }
  return true;
}

/**
 * The body of an OPEN. All capabilities go into one optional parameter (RFC 5492 4), in RFC 9072's
 * long form if they need more than 255 octets.
 */
export function encodeOpen(open: OpenMessage): Uint8Array<ArrayBuffer> {
  const capabilities = new ByteWriter(64);
  for (const capability of open.capabilities) writeCapability(capabilities, capability);
  const writer = new ByteWriter(96);
  writer
    .u8(4)
    .u16(open.asn > 0xffff ? asTrans : open.asn)
    .u16(open.holdSeconds)
    .u32(open.routerId);
  if (capabilities.length === 0) writer.u8(0);
  else if (capabilities.length + 2 <= 254) {
    writer
      .u8(capabilities.length + 2)
      .u8(parameterCapabilities)
      .u8(capabilities.length);
  } else {
    writer
      .u8(extendedMarker)
      .u8(extendedMarker)
      .u16(capabilities.length + 3)
      .u8(parameterCapabilities)
      .u16(capabilities.length);
  }
  return writer.bytes(capabilities.finish()).finish();
}

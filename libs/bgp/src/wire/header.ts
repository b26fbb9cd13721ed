import { u16, u8 } from './bytes.ts';
import { errorCode, notification, type Notification } from './notification.ts';

/** Message types: RFC 4271 4.1, RFC 2918 3. */
export const messageType = { open: 1, update: 2, notification: 3, keepalive: 4, routeRefresh: 5 } as const;

export type MessageType = (typeof messageType)[keyof typeof messageType];

export const headerLength = 19;
/** RFC 4271 4.1. */
export const maxMessageLength = 4096;
/** RFC 8654 2. */
export const maxExtendedMessageLength = 65535;

export type Frame =
  /** Not yet a whole message. */
  | { readonly kind: 'incomplete' }
  /** A message: its body is at `start + 19 .. end`. */
  | { readonly kind: 'message'; readonly type: MessageType; readonly end: number }
  | { readonly kind: 'error'; readonly notification: Notification };

const incomplete: Frame = { kind: 'incomplete' };

function headerError(subcode: 1 | 2 | 3, ...data: readonly number[]): Frame {
  return { kind: 'error', notification: notification(errorCode.messageHeader, subcode, Uint8Array.from(data)) };
}

/** Least length per type (RFC 4271 6.1); KEEPALIVE has exactly that one. Of ROUTE-REFRESH, up to its subtype. */
const leastLength: Readonly<Record<MessageType, number>> = { 1: 29, 2: 23, 3: 21, 4: 19, 5: 22 };

function isMessageType(type: number): type is MessageType {
  return type >= messageType.open && type <= messageType.routeRefresh;
}

/**
 * Finds the message that begins at `start` (RFC 4271 4.1 and 6.1). A wrong marker is noticed as soon
 * as its first wrong octet is there, a wrong length or type as soon as the header is.
 *
 * @param extended whether both sides announced RFC 8654's longer messages.
 */
export function readFrame(bytes: Uint8Array, start: number, end: number, extended: boolean): Frame {
  const markerEnd = Math.min(end, start + 16);
  for (let at = start; at < markerEnd; at++) {
    // RFC 4271 6.1: the marker must be all ones.
    if (bytes[at] !== 0xff) return headerError(1);
  }
  if (end - start < headerLength) return incomplete;
  const length = u16(bytes, start + 16);
  const type = u8(bytes, start + 18);
  // RFC 8654 4: OPEN and KEEPALIVE keep the old limit. RFC 4271 6.1: the data is the wrong length.
  const limit = extended && type !== messageType.open ? maxExtendedMessageLength : maxMessageLength;
  if (length < headerLength || length > limit) return headerError(2, length >>> 8, length & 0xff);
  // RFC 4271 6.1: the data is the wrong type.
  if (!isMessageType(type)) return headerError(3, type);
  const least = leastLength[type];
  if (length < least || (type === messageType.keepalive && length !== least))
    return headerError(2, length >>> 8, length & 0xff);
  return end - start < length ? incomplete : { kind: 'message', type, end: start + length };
}

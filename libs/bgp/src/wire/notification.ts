import type { Family } from '@calico-node/net';
import { ByteWriter, u16, u8 } from './bytes.ts';
import { afiOf, unicast } from './capability.ts';

/**
 * A NOTIFICATION (RFC 4271 4.5): in BGP the error is the message to send. `data` is exactly what
 * section 6 asks for at the failed check.
 */
export interface Notification {
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
}

/** Error codes: RFC 4271 4.5, RFC 7313 5, RFC 9687 3. */
export const errorCode = {
  messageHeader: 1,
  open: 2,
  update: 3,
  holdTimer: 4,
  fsm: 5,
  cease: 6,
  routeRefresh: 7,
  sendHoldTimer: 8,
} as const;

/** Cease subcodes: RFC 4486, RFC 8538 (hard reset), RFC 9384 (BFD). */
export const ceaseSubcode = {
  maximumPrefixes: 1,
  administrativeShutdown: 2,
  peerDeconfigured: 3,
  administrativeReset: 4,
  connectionRejected: 5,
  otherConfigurationChange: 6,
  collisionResolution: 7,
  outOfResources: 8,
  hardReset: 9,
  bfdDown: 10,
} as const;

const names: Readonly<Record<number, readonly [string, Readonly<Record<number, string>>]>> = {
  1: ['Message Header Error', { 1: 'Connection Not Synchronized', 2: 'Bad Message Length', 3: 'Bad Message Type' }],
  2: [
    'OPEN Message Error',
    {
      1: 'Unsupported Version Number',
      2: 'Bad Peer AS',
      3: 'Bad BGP Identifier',
      4: 'Unsupported Optional Parameter',
      6: 'Unacceptable Hold Time',
      7: 'Unsupported Capability',
      11: 'Role Mismatch',
    },
  ],
  3: [
    'UPDATE Message Error',
    {
      1: 'Malformed Attribute List',
      2: 'Unrecognized Well-known Attribute',
      3: 'Missing Well-known Attribute',
      4: 'Attribute Flags Error',
      5: 'Attribute Length Error',
      6: 'Invalid ORIGIN Attribute',
      8: 'Invalid NEXT_HOP Attribute',
      9: 'Optional Attribute Error',
      10: 'Invalid Network Field',
      11: 'Malformed AS_PATH',
    },
  ],
  4: ['Hold Timer Expired', {}],
  5: [
    'Finite State Machine Error',
    {
      1: 'Unexpected Message in OpenSent',
      2: 'Unexpected Message in OpenConfirm',
      3: 'Unexpected Message in Established',
    },
  ],
  6: [
    'Cease',
    {
      1: 'Maximum Number of Prefixes Reached',
      2: 'Administrative Shutdown',
      3: 'Peer De-configured',
      4: 'Administrative Reset',
      5: 'Connection Rejected',
      6: 'Other Configuration Change',
      7: 'Connection Collision Resolution',
      8: 'Out of Resources',
      9: 'Hard Reset',
      10: 'BFD Down',
    },
  ],
  7: ['ROUTE-REFRESH Message Error', { 1: 'Invalid Message Length' }],
  8: ['Send Hold Timer Expired', {}],
};

const noData = new Uint8Array(0);

export function notification(code: number, subcode = 0, data: Uint8Array = noData): Notification {
  return { code, subcode, data };
}

/**
 * A Cease with words for the other side's operator (RFC 9003 2), cut at 255 octets of UTF-8 on a
 * character boundary.
 */
export function shutdownNotification(subcode: 2 | 4, text: string): Notification {
  const encoder = new TextEncoder();
  let kept = '';
  let size = 0;
  for (const character of text) {
    size += encoder.encode(character).length;
    if (size > 255) break;
    kept += character;
  }
  const words = encoder.encode(kept);
  return notification(errorCode.cease, subcode, Uint8Array.of(words.length, ...words));
}

/** The Cease for more prefixes than allowed, with the family and the limit as data (RFC 4486 4). */
export function maximumPrefixes(family: Family, limit: number): Notification {
  const data = new ByteWriter(7).u16(afiOf(family)).u8(unicast).u32(limit).finish();
  return notification(errorCode.cease, ceaseSubcode.maximumPrefixes, data);
}

/** The shutdown communication in a Cease, if there is a valid one (RFC 9003 2). */
export function shutdownCommunication({ code, subcode, data }: Notification): string | undefined {
  if (code !== errorCode.cease || (subcode !== 2 && subcode !== 4) || data.length === 0) return undefined;
  const length = u8(data, 0);
  if (length === 0 || length > data.length - 1) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(data.subarray(1, 1 + length));
  } catch {
    return undefined; // RFC 9003 2: invalid UTF-8 is reported otherwise, and is no error of the session
  }
}

/** A NOTIFICATION in words, for logs and `node status`. Control characters of the peer's text are dropped. */
export function describeNotification(message: Notification): string {
  const [name, subcodes] = names[message.code] ?? [`error ${message.code}`, {}];
  const detail = subcodes[message.subcode] ?? (message.subcode === 0 ? undefined : `subcode ${message.subcode}`);
  const text = shutdownCommunication(message)?.replace(/\p{C}/gu, ' ');
  return name + (detail === undefined ? '' : `: ${detail}`) + (text === undefined ? '' : ` ("${text}")`);
}

/** The body of a NOTIFICATION message of at least 21 octets, which the framer has checked. */
export function decodeNotification(bytes: Uint8Array, start: number, end: number): Notification {
  const codes = u16(bytes, start);
  return notification(codes >>> 8, codes & 0xff, bytes.slice(start + 2, end));
}

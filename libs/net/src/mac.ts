import type { Branded } from './brand.ts';
import { NetParseError } from './net-parse-error.ts';

/** A 48-bit MAC as six lower-case hex pairs joined by colons. */
export type Mac = Branded<string, 'Mac'>;

const FORMS = [
  /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i,
  /^[0-9a-f]{2}(?:-[0-9a-f]{2}){5}$/i,
  /^[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}$/i,
];

/** Parses the 48-bit forms of Go's `net.ParseMAC`: colons, dashes, or three dotted groups. Throws NetParseError. */
export function parseMac(text: string): Mac {
  if (!FORMS.some((form) => form.test(text))) {
    throw new NetParseError('invalid-mac', text, `"${text}" is not a MAC address`);
  }
  const pairs = text.replace(/[:.-]/g, '').toLowerCase().match(/../g) ?? [];
  return pairs.join(':') as Mac;
}

/** The six bytes as sent on the wire. */
export function macToBytes(mac: Mac): Uint8Array {
  return Uint8Array.from(mac.split(':'), (pair) => Number.parseInt(pair, 16));
}

/** Throws NetParseError for any length but six. */
export function macFromBytes(bytes: Uint8Array): Mac {
  if (bytes.length !== 6) {
    throw new NetParseError('invalid-mac', bytes.toString(), `a MAC address has 6 bytes, not ${bytes.length}`);
  }
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':') as Mac;
}

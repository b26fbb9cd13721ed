import type { Branded } from './brand.ts';
import { NetParseError } from './net-parse-error.ts';

/** A WireGuard public key as `wg` prints it: 32 bytes in base64. Never the zero key, which stands for none. */
export type WireguardKey = Branded<string, 'WireguardKey'>;

const BYTES = 32;
/** The last digit but the padding has only four bits to tell. */
const FORM = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

/** Throws NetParseError. */
export function parseWireguardKey(text: string): WireguardKey {
  if (!FORM.test(text) || /^A+=$/.test(text)) {
    throw new NetParseError('invalid-wireguard-key', text, `"${text}" is not a WireGuard key`);
  }
  return text as WireguardKey;
}

export function wireguardKeyToBytes(key: WireguardKey): Uint8Array {
  return Uint8Array.from(atob(key), (character) => character.charCodeAt(0));
}

/** Throws NetParseError for any length but 32, and for zeros. */
export function wireguardKeyFromBytes(bytes: Uint8Array): WireguardKey {
  if (bytes.length !== BYTES) {
    throw new NetParseError('invalid-wireguard-key', bytes.toString(), `a WireGuard key has ${BYTES} bytes`);
  }
  return parseWireguardKey(btoa(String.fromCharCode(...bytes)));
}

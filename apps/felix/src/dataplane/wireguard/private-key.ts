import { randomBytes } from 'node:crypto';

/** Of Curve25519, as `wg genkey` makes them: random bits, but for those that the curve fixes (RFC 7748, section 5). */
export function newPrivateKey(): Uint8Array {
  const key = new Uint8Array(randomBytes(32));
  key[0] = (key[0] ?? 0) & 248;
  key[31] = ((key[31] ?? 0) & 127) | 64;
  return key;
}

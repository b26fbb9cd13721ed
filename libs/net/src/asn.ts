import type { Branded } from './brand.ts';
import { NetParseError } from './net-parse-error.ts';

/** An AS number, 0 to 4294967295 (RFC 6793); 0 is reserved (RFC 7607) and the store's "not set". */
export type Asn = Branded<number, 'Asn'>;

const PLAIN = /^[0-9]{1,10}$/;
const ASDOT = /^([0-9]{1,5})\.([0-9]{1,5})$/;

/** Parses a number, "64512" (asplain) or "1.10" (asdot, RFC 5396: 65546). Throws NetParseError. */
export function parseAsn(input: string | number): Asn {
  const value = typeof input === 'number' ? input : fromText(input);
  if (value === undefined || !Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
    throw new NetParseError('invalid-asn', String(input), `"${input}" is not an AS number`);
  }
  return value as Asn;
}

function fromText(text: string): number | undefined {
  if (PLAIN.test(text)) return Number(text);
  const dotted = ASDOT.exec(text);
  if (dotted === null) return undefined;
  const [high, low] = [Number(dotted[1]), Number(dotted[2])];
  return high > 0xffff || low > 0xffff ? undefined : high * 0x1_0000 + low;
}

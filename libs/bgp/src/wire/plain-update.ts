import { u16, u8 } from './bytes.ts';

/** Where the parts of a plain UPDATE are; filled again for each message. */
export class PlainUpdate {
  withdrawnStart = 0;
  withdrawnEnd = 0;
  attributesStart = 0;
  attributesEnd = 0;
  nlriEnd = 0;
}

function isIpv4Nlri(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const bits = u8(bytes, at);
    if (bits > 32) return false;
    at += 1 + ((bits + 7) >> 3);
  }
  return at === end;
}

/**
 * Finds the parts of an UPDATE's body (RFC 4271 4.3). False unless the lengths fit, all prefixes are
 * well-formed ones of IPv4 without path identifiers, and it either announces with an attribute list, or
 * only withdraws: everything else is for `decodeUpdate`.
 */
export function readPlainUpdate(bytes: Uint8Array, start: number, end: number, into: PlainUpdate): boolean {
  const withdrawnStart = start + 2;
  const withdrawnEnd = withdrawnStart + u16(bytes, start);
  if (withdrawnEnd + 2 > end) return false;
  const attributesStart = withdrawnEnd + 2;
  const attributesEnd = attributesStart + u16(bytes, withdrawnEnd);
  if (attributesEnd > end) return false;
  const announces = attributesEnd < end;
  if (announces !== attributesEnd > attributesStart) return false;
  if (!announces && withdrawnEnd === withdrawnStart) return false;
  if (!isIpv4Nlri(bytes, withdrawnStart, withdrawnEnd) || !isIpv4Nlri(bytes, attributesEnd, end)) return false;
  into.withdrawnStart = withdrawnStart;
  into.withdrawnEnd = withdrawnEnd;
  into.attributesStart = attributesStart;
  into.attributesEnd = attributesEnd;
  into.nlriEnd = end;
  return true;
}

import { ipFromBytes, type IpAddress } from '@calico-node/net';
import { reset, withdraw, type Fault } from './attribute-fault.ts';
import { u16, u8 } from './bytes.ts';
import { familyOfAfi } from './capability.ts';
import { isNlriWellFormed, type NlriBlock } from './nlri.ts';
import type { UpdateContext } from './update-context.ts';

export interface MpReach {
  readonly block: NlriBlock;
  /** A link-local address where that is all there is. */
  readonly nextHop: IpAddress;
  /** Beside a global one. */
  readonly linkLocal?: IpAddress;
}

/** Neither value nor fault: a family that the session does not carry. */
export interface MpResult<T> {
  readonly value?: T;
  readonly fault?: Fault;
}

/** Optional Attribute Error (RFC 4271 6.3): what hides the prefixes resets the session (RFC 7606 5.3, 7.11). */
const fatal = (reason: string): { readonly fault: Fault } => ({ fault: reset(9, reason) });

/** The value of MP_REACH_NLRI (RFC 4760 3; RFC 2545 3 for the next hops of IPv6). */
export function decodeMpReach(bytes: Uint8Array, at: number, end: number, context: UpdateContext): MpResult<MpReach> {
  if (end - at < 5) return fatal('MP_REACH_NLRI too short');
  const family = familyOfAfi(u16(bytes, at), u8(bytes, at + 2));
  const hopLength = u8(bytes, at + 3);
  const hop = at + 4;
  const start = hop + hopLength + 1; // a reserved octet follows the next hop
  if (start > end) return fatal('MP_REACH_NLRI shorter than its next hop');
  // RFC 4760 8: a family that was not agreed on is passed over.
  if (family === undefined || !context.families.includes(family)) return {};
  const isLong = hopLength === 16 || hopLength === 32;
  const fits = family === 6 ? isLong : hopLength === 4 || (isLong && context.extendedNextHop === true);
  if (!fits) return fatal(`next hop of ${hopLength} octets in MP_REACH_NLRI`);
  const addPath = context.addPath.includes(family);
  if (!isNlriWellFormed(bytes, start, end, family, addPath)) return fatal('malformed prefix in MP_REACH_NLRI');
  const hasLinkLocal = hopLength === 32 && isLinkLocalAt(bytes, hop + 16);
  // Speakers without a global address send `::`, or the link-local one twice.
  const isAlone = hasLinkLocal && (isUnspecified(bytes, hop) || isLinkLocalAt(bytes, hop));
  const first = isAlone ? hop + 16 : hop;
  const value: MpReach = {
    block: { family, bytes, start, end, addPath },
    nextHop: ipFromBytes(bytes.slice(first, first + (isLong ? 16 : 4))),
    ...(hasLinkLocal && !isAlone ? { linkLocal: ipFromBytes(bytes.slice(hop + 16, hop + 32)) } : {}),
  };
  const isHost = isLong ? isHostIpv6(bytes, first) : isHostAddress(u8(bytes, first));
  return isHost ? { value } : { value, fault: withdraw('next hop is not the address of a host') };
}

/** The value of MP_UNREACH_NLRI (RFC 4760 4). */
export function decodeMpUnreach(
  bytes: Uint8Array,
  at: number,
  end: number,
  context: UpdateContext,
): MpResult<NlriBlock> {
  if (end - at < 3) return fatal('MP_UNREACH_NLRI too short');
  const family = familyOfAfi(u16(bytes, at), u8(bytes, at + 2));
  if (family === undefined || !context.families.includes(family)) return {};
  const addPath = context.addPath.includes(family);
  const start = at + 3;
  if (!isNlriWellFormed(bytes, start, end, family, addPath)) return fatal('malformed prefix in MP_UNREACH_NLRI');
  return { value: { family, bytes, start, end, addPath } };
}

/** Not "this network", loopback, multicast or reserved, by an IPv4 address's first octet. */
export function isHostAddress(first: number): boolean {
  return first !== 0 && first !== 127 && first < 224;
}

/** In fe80::/10. */
function isLinkLocalAt(bytes: Uint8Array, at: number): boolean {
  return u8(bytes, at) === 0xfe && (u8(bytes, at + 1) & 0xc0) === 0x80;
}

function isUnspecified(bytes: Uint8Array, at: number): boolean {
  return bytes.subarray(at, at + 16).every((octet) => octet === 0);
}

/** Neither multicast nor `::` nor `::1`. */
function isHostIpv6(bytes: Uint8Array, at: number): boolean {
  if (u8(bytes, at) === 0xff) return false;
  for (let index = 0; index < 15; index++) if (u8(bytes, at + index) !== 0) return true;
  return u8(bytes, at + 15) > 1;
}

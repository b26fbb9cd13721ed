import type { Family } from '@calico-node/net';
import { u16, u32, u8, type ByteWriter } from './bytes.ts';

/** RFC 4724 3: what a speaker says of its own restart. */
export interface GracefulRestart {
  /** The R bit: the speaker has restarted, and its peers need not wait for its End-of-RIB. */
  readonly restarting: boolean;
  /** RFC 8538 2, the N bit: NOTIFICATIONs do not end graceful restart. */
  readonly notification: boolean;
  /** How long the session may take to come back, 0..4095 s. */
  readonly restartSeconds: number;
  readonly families: readonly { readonly family: Family; readonly forwardingPreserved: boolean }[];
}

export interface AddPath {
  readonly family: Family;
  readonly receive: boolean;
  readonly send: boolean;
}

/** RFC 9494 3: how long a family's stale routes may be kept beyond a restart. */
export interface LongLivedRestart {
  readonly family: Family;
  readonly forwardingPreserved: boolean;
  /** 0..2^24-1 */
  readonly staleSeconds: number;
}

/** RFC 9234 4.1, in the order of their numbers. */
export type Role = 'provider' | 'route-server' | 'route-server-client' | 'customer' | 'peer';

const roles: readonly Role[] = ['provider', 'route-server', 'route-server-client', 'customer', 'peer'];

/** Capabilities (RFC 5492) that this codec understands; others are kept as they came. */
export type Capability =
  | { readonly kind: 'multiprotocol'; readonly family: Family }
  | { readonly kind: 'route-refresh' }
  | { readonly kind: 'enhanced-route-refresh' }
  | { readonly kind: 'extended-message' }
  | { readonly kind: 'four-octet-as'; readonly asn: number }
  | ({ readonly kind: 'graceful-restart' } & GracefulRestart)
  | { readonly kind: 'add-path'; readonly entries: readonly AddPath[] }
  /** Families whose next hops may be IPv6 addresses (RFC 8950 4): of those we speak, only IPv4. */
  | { readonly kind: 'extended-next-hop'; readonly families: readonly 4[] }
  | { readonly kind: 'long-lived-restart'; readonly entries: readonly LongLivedRestart[] }
  | { readonly kind: 'role'; readonly role: Role }
  | { readonly kind: 'other'; readonly code: number; readonly value: Uint8Array };

/** Capability codes, IANA registry. */
const code = {
  multiprotocol: 1, // RFC 4760 8
  routeRefresh: 2, // RFC 2918 2
  extendedNextHop: 5, // RFC 8950 4
  extendedMessage: 6, // RFC 8654 3
  role: 9, // RFC 9234 4.1
  gracefulRestart: 64, // RFC 4724 3
  fourOctetAs: 65, // RFC 6793 3
  addPath: 69, // RFC 7911 4
  enhancedRouteRefresh: 70, // RFC 7313 3.1
  longLivedRestart: 71, // RFC 9494 3
} as const;

export const unicast = 1;

export function afiOf(family: Family): 1 | 2 {
  return family === 4 ? 1 : 2;
}

/** The family of an AFI and SAFI that we speak: IPv4 and IPv6 unicast. */
export function familyOfAfi(afi: number, safi: number): Family | undefined {
  if (safi !== unicast) return undefined;
  return afi === 1 ? 4 : afi === 2 ? 6 : undefined;
}

/** One capability's value; `undefined` when its length does not suit its code. */
export function decodeCapability(codeOctet: number, value: Uint8Array): Capability | undefined {
  const other: Capability = { kind: 'other', code: codeOctet, value };
  switch (codeOctet) {
    case code.multiprotocol: {
      if (value.length !== 4) return undefined;
      const family = familyOfAfi(u16(value, 0), u8(value, 3));
      return family === undefined ? other : { kind: 'multiprotocol', family };
    }
    case code.routeRefresh:
      return value.length === 0 ? { kind: 'route-refresh' } : undefined;
    case code.enhancedRouteRefresh:
      return value.length === 0 ? { kind: 'enhanced-route-refresh' } : undefined;
    case code.extendedMessage:
      return value.length === 0 ? { kind: 'extended-message' } : undefined;
    case code.fourOctetAs:
      return value.length === 4 ? { kind: 'four-octet-as', asn: u32(value, 0) } : undefined;
    case code.gracefulRestart:
      return decodeGracefulRestart(value);
    case code.addPath:
      return decodeAddPath(value);
    case code.extendedNextHop:
      return decodeExtendedNextHop(value);
    case code.longLivedRestart:
      return decodeLongLived(value);
    case code.role: {
      // RFC 9234 4.1: of length one; a value that is not assigned is one that we do not know.
      if (value.length !== 1) return undefined;
      const role = roles[u8(value, 0)];
      return role === undefined ? other : { kind: 'role', role };
    }
    default:
      return other;
  }
}

function decodeGracefulRestart(value: Uint8Array): Capability | undefined {
  if (value.length < 2 || (value.length - 2) % 4 !== 0) return undefined;
  const head = u16(value, 0);
  const families: GracefulRestart['families'][number][] = [];
  for (let at = 2; at < value.length; at += 4) {
    const family = familyOfAfi(u16(value, at), u8(value, at + 2));
    if (family !== undefined) families.push({ family, forwardingPreserved: (u8(value, at + 3) & 0x80) !== 0 });
  }
  return {
    kind: 'graceful-restart',
    restarting: (head & 0x8000) !== 0,
    notification: (head & 0x4000) !== 0,
    restartSeconds: head & 0x0fff,
    families,
  };
}

function decodeAddPath(value: Uint8Array): Capability | undefined {
  if (value.length % 4 !== 0) return undefined;
  const entries: AddPath[] = [];
  for (let at = 0; at < value.length; at += 4) {
    const family = familyOfAfi(u16(value, at), u8(value, at + 2));
    const direction = u8(value, at + 3);
    // RFC 7911 4: a value other than 1, 2 or 3 makes the entry void.
    if (family === undefined || direction < 1 || direction > 3) continue;
    entries.push({ family, receive: (direction & 1) !== 0, send: (direction & 2) !== 0 });
  }
  return { kind: 'add-path', entries };
}

/** RFC 8950 4: triples of AFI, SAFI (two octets) and the next hop's AFI. */
function decodeExtendedNextHop(value: Uint8Array): Capability | undefined {
  if (value.length % 6 !== 0) return undefined;
  let hasIpv4 = false;
  for (let at = 0; at < value.length; at += 6) {
    if (u16(value, at) === 1 && u16(value, at + 2) === unicast && u16(value, at + 4) === 2) hasIpv4 = true;
  }
  return { kind: 'extended-next-hop', families: hasIpv4 ? [4] : [] };
}

function decodeLongLived(value: Uint8Array): Capability | undefined {
  if (value.length % 7 !== 0) return undefined;
  const entries: LongLivedRestart[] = [];
  for (let at = 0; at < value.length; at += 7) {
    const family = familyOfAfi(u16(value, at), u8(value, at + 2));
    if (family === undefined) continue;
    const forwardingPreserved = (u8(value, at + 3) & 0x80) !== 0;
    entries.push({ family, forwardingPreserved, staleSeconds: u32(value, at + 3) & 0xffffff });
  }
  return { kind: 'long-lived-restart', entries };
}

/** Appends a capability's triple of code, length and value (RFC 5492 4). */
export function writeCapability(writer: ByteWriter, capability: Capability): void {
  switch (capability.kind) {
    case 'multiprotocol':
      writer.u8(code.multiprotocol).u8(4).u16(afiOf(capability.family)).u8(0).u8(unicast);
      return;
    case 'route-refresh':
      writer.u8(code.routeRefresh).u8(0);
      return;
    case 'enhanced-route-refresh':
      writer.u8(code.enhancedRouteRefresh).u8(0);
      return;
    case 'extended-message':
      writer.u8(code.extendedMessage).u8(0);
      return;
    case 'four-octet-as':
      writer.u8(code.fourOctetAs).u8(4).u32(capability.asn);
      return;
    case 'graceful-restart': {
      const flags = (capability.restarting ? 0x8000 : 0) | (capability.notification ? 0x4000 : 0);
      writer.u8(code.gracefulRestart).u8(2 + 4 * capability.families.length);
      writer.u16(flags | Math.min(capability.restartSeconds, 0x0fff));
      for (const { family, forwardingPreserved } of capability.families) {
        writer
          .u16(afiOf(family))
          .u8(unicast)
          .u8(forwardingPreserved ? 0x80 : 0);
      }
      return;
    }
    case 'add-path':
      writer.u8(code.addPath).u8(4 * capability.entries.length);
      for (const { family, receive, send } of capability.entries) {
        writer
          .u16(afiOf(family))
          .u8(unicast)
          .u8((receive ? 1 : 0) | (send ? 2 : 0));
      }
      return;
    case 'extended-next-hop':
      writer.u8(code.extendedNextHop).u8(6 * capability.families.length);
      for (const family of capability.families) writer.u16(afiOf(family)).u16(unicast).u16(afiOf(6));
      return;
    case 'long-lived-restart':
      writer.u8(code.longLivedRestart).u8(7 * capability.entries.length);
      for (const { family, forwardingPreserved, staleSeconds } of capability.entries) {
        const flags = forwardingPreserved ? 0x80 : 0;
        writer
          .u16(afiOf(family))
          .u8(unicast)
          .u32(((flags << 24) | Math.min(staleSeconds, 0xffffff)) >>> 0);
      }
      return;
    case 'role':
      writer.u8(code.role).u8(1).u8(roles.indexOf(capability.role));
      return;
    case 'other':
      writer.u8(capability.code).u8(capability.value.length).bytes(capability.value);
  }
}

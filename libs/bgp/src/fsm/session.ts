/** What two OPENs agree on: RFC 4271 4.2 and 6.2, RFC 4760 8, RFC 5492, RFC 4724. */
import type { Family } from '@calico-node/net';
import {
  writeCapability,
  type Capability,
  type GracefulRestart,
  type LongLivedRestart,
  type Role,
} from '../wire/capability.ts';
import { ByteWriter } from '../wire/bytes.ts';
import { errorCode, notification, type Notification } from '../wire/notification.ts';
import type { OpenMessage } from '../wire/open.ts';

/** What this side brings to a session with one peer. */
export interface LocalSide {
  readonly localAs: number;
  readonly remoteAs: number;
  readonly routerId: number;
  readonly holdSeconds: number;
  /** Undefined: a third of the hold time. */
  readonly keepaliveSeconds?: number | undefined;
  /** At least one. */
  readonly families: readonly Family[];
  /** Undefined: graceful restart is not offered. */
  readonly gracefulRestart?:
    | {
        readonly restartSeconds: number;
        /** We have restarted, and our peers need not wait for our End-of-RIB. */
        readonly restarting: boolean;
        /** The kernel has gone on forwarding meanwhile. */
        readonly forwardingPreserved: boolean;
      }
    | undefined;
  /** RFC 9494: how long our stale routes may be kept; undefined: not offered. Needs `gracefulRestart`. */
  readonly longLivedSeconds?: number | undefined;
  /** RFC 7911. */
  readonly addPath?: { readonly send: boolean; readonly receive: boolean } | undefined;
  /** RFC 9687: how long the peer may take nothing; undefined: for ever. */
  readonly sendHoldSeconds?: number | undefined;
  /** RFC 8950: next hops of IPv6 for routes of IPv4: the session is over IPv6. */
  readonly extendedNextHop?: boolean | undefined;
  /** RFC 9234: our role, towards another AS; a strict one refuses peers that tell none. */
  readonly role?: { readonly role: Role; readonly strict: boolean } | undefined;
  /** The peer does not know what capabilities are: none is told (RFC 5492 3). */
  readonly isBare?: boolean;
}

/** The agreement. */
export interface Session {
  readonly remoteAs: number;
  readonly external: boolean;
  /** The peer's BGP Identifier. */
  readonly remoteRouterId: number;
  /** Zero: neither keepalives nor a hold timer. */
  readonly holdSeconds: number;
  readonly keepaliveSeconds: number;
  readonly families: readonly Family[];
  readonly as4: boolean;
  readonly routeRefresh: boolean;
  readonly enhancedRouteRefresh: boolean;
  readonly extendedMessage: boolean;
  /** What the peer says of its restarts; undefined unless both sides offer it. */
  readonly gracefulRestart: GracefulRestart | undefined;
  /** What the peer says of its stale routes; empty unless both sides offer it. */
  readonly longLivedRestart: readonly LongLivedRestart[];
  /** Families in which we send, and take, several paths (RFC 7911). */
  readonly addPathSend: readonly Family[];
  readonly addPathReceive: readonly Family[];
  readonly extendedNextHop: boolean;
  /** Zero: no such timer. */
  readonly sendHoldSeconds: number;
  /** Ours, as configured. */
  readonly role: Role | undefined;
}

export type Negotiation =
  { readonly ok: true; readonly session: Session } | { readonly ok: false; readonly notification: Notification };

/** The OPEN that a side sends. */
export function localOpen(side: LocalSide): OpenMessage {
  const { localAs: asn, holdSeconds, routerId } = side;
  if (side.isBare === true) return { asn, holdSeconds, routerId, capabilities: [] };
  const capabilities: Capability[] = side.families.map((family) => ({ kind: 'multiprotocol', family }));
  capabilities.push({ kind: 'route-refresh' }, { kind: 'enhanced-route-refresh' }, { kind: 'extended-message' });
  if (side.extendedNextHop === true) capabilities.push({ kind: 'extended-next-hop', families: [4] });
  if (side.role !== undefined && side.localAs !== side.remoteAs) {
    capabilities.push({ kind: 'role', role: side.role.role });
  }
  if (side.gracefulRestart !== undefined) {
    const { restartSeconds, restarting, forwardingPreserved } = side.gracefulRestart;
    capabilities.push({
      kind: 'graceful-restart',
      restarting,
      notification: false,
      restartSeconds,
      families: side.families.map((family) => ({ family, forwardingPreserved })),
    });
  }
  if (side.gracefulRestart !== undefined && side.longLivedSeconds !== undefined) {
    const { forwardingPreserved } = side.gracefulRestart;
    const staleSeconds = side.longLivedSeconds;
    capabilities.push({
      kind: 'long-lived-restart',
      entries: side.families.map((family) => ({ family, forwardingPreserved, staleSeconds })),
    });
  }
  if (side.addPath !== undefined && (side.addPath.send || side.addPath.receive)) {
    const { send, receive } = side.addPath;
    capabilities.push({ kind: 'add-path', entries: side.families.map((family) => ({ family, send, receive })) });
  }
  capabilities.push({ kind: 'four-octet-as', asn: side.localAs });
  return { asn, holdSeconds, routerId, capabilities };
}

function has(open: OpenMessage, kind: Capability['kind']): boolean {
  return open.capabilities.some((capability) => capability.kind === kind);
}

function remoteFamilies(open: OpenMessage): readonly Family[] {
  const isMultiprotocol = open.capabilities.some(
    (capability) => capability.kind === 'multiprotocol' || (capability.kind === 'other' && capability.code === 1),
  );
  // RFC 4760 8: who says nothing speaks IPv4 unicast.
  if (!isMultiprotocol) return [4];
  return open.capabilities.flatMap((capability) => (capability.kind === 'multiprotocol' ? [capability.family] : []));
}

/** RFC 9494 4.1: it means nothing without graceful restart. */
function longLivedOf(side: LocalSide, open: OpenMessage): readonly LongLivedRestart[] {
  if (side.longLivedSeconds === undefined || !has(open, 'graceful-restart')) return [];
  return open.capabilities.find((capability) => capability.kind === 'long-lived-restart')?.entries ?? [];
}

/** The families in which we want to do what the peer wants to be the other end of (RFC 7911 4). */
function addPathFamilies(
  wanted: boolean | undefined,
  open: OpenMessage,
  families: readonly Family[],
  theirs: 'send' | 'receive',
): readonly Family[] {
  if (wanted !== true) return [];
  const entries = open.capabilities.find((capability) => capability.kind === 'add-path')?.entries ?? [];
  return families.filter((family) => entries.some((entry) => entry.family === family && entry[theirs]));
}

/** RFC 9234 4.2, table 2. */
const counterpart: Readonly<Record<Role, Role>> = {
  provider: 'customer',
  customer: 'provider',
  'route-server': 'route-server-client',
  'route-server-client': 'route-server',
  peer: 'peer',
};

function isRoleAcceptable(ours: LocalSide['role'], open: OpenMessage): boolean {
  if (ours === undefined) return true;
  const told = open.capabilities.filter((capability) => capability.kind === 'role');
  // RFC 9234 4.2: several that contradict each other are a mismatch.
  if (told.length === 0) return !ours.strict;
  return told.every(({ role }) => role === counterpart[ours.role]);
}

/** Checks a received OPEN against the configuration and gives the agreement, or what to answer. */
export function negotiate(side: LocalSide, received: OpenMessage): Negotiation {
  // What we have not told of ourselves is not agreed on.
  const open = side.isBare === true ? { ...received, capabilities: [] } : received;
  const refuse = (subcode: number, data?: Uint8Array): Negotiation => ({
    ok: false,
    notification: notification(errorCode.open, subcode, data),
  });
  // RFC 4271 6.2
  if (open.asn !== side.remoteAs) return refuse(2);
  const external = side.remoteAs !== side.localAs;
  // RFC 6286 2.1: two speakers of one AS must differ.
  if (!external && open.routerId === side.routerId) return refuse(3);
  const theirs = remoteFamilies(open);
  const extendedNextHop =
    side.extendedNextHop === true &&
    open.capabilities.some((capability) => capability.kind === 'extended-next-hop' && capability.families.length > 0);
  const families = side.families.filter(
    // Over IPv6, there is no next hop for routes of IPv4 without RFC 8950.
    (family) => theirs.includes(family) && (family === 6 || side.extendedNextHop !== true || extendedNextHop),
  );
  if (families.length === 0) {
    // RFC 5492 5: the data lists what is missing.
    const needed = new ByteWriter(16);
    for (const family of side.families) writeCapability(needed, { kind: 'multiprotocol', family });
    return refuse(7, needed.finish());
  }
  if (external && !isRoleAcceptable(side.role, open)) return refuse(11);
  const holdSeconds = Math.min(side.holdSeconds, open.holdSeconds);
  const graceful = open.capabilities.find((capability) => capability.kind === 'graceful-restart');
  return {
    ok: true,
    session: {
      remoteAs: open.asn,
      external,
      remoteRouterId: open.routerId,
      holdSeconds,
      keepaliveSeconds: Math.min(side.keepaliveSeconds ?? Infinity, holdSeconds / 3),
      families,
      as4: has(open, 'four-octet-as'),
      routeRefresh: has(open, 'route-refresh'),
      enhancedRouteRefresh: has(open, 'enhanced-route-refresh'),
      extendedMessage: has(open, 'extended-message'),
      gracefulRestart: side.gracefulRestart === undefined ? undefined : graceful,
      longLivedRestart: longLivedOf(side, open),
      addPathSend: addPathFamilies(side.addPath?.send, open, families, 'receive'),
      addPathReceive: addPathFamilies(side.addPath?.receive, open, families, 'send'),
      extendedNextHop,
      sendHoldSeconds: side.sendHoldSeconds ?? 0,
      role: external ? side.role?.role : undefined,
    },
  };
}

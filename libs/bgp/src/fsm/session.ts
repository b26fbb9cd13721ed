/** What two OPENs agree on: RFC 4271 4.2 and 6.2, RFC 4760 8, RFC 5492, RFC 4724. */
import type { Family } from '@calico-node/net';
import { writeCapability, type Capability, type GracefulRestart } from '../wire/capability.ts';
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
}

export type Negotiation =
  { readonly ok: true; readonly session: Session } | { readonly ok: false; readonly notification: Notification };

/** The OPEN that a side sends. */
export function localOpen(side: LocalSide): OpenMessage {
  const capabilities: Capability[] = side.families.map((family) => ({ kind: 'multiprotocol', family }));
  capabilities.push({ kind: 'route-refresh' }, { kind: 'extended-message' });
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
  capabilities.push({ kind: 'four-octet-as', asn: side.localAs });
  return { asn: side.localAs, holdSeconds: side.holdSeconds, routerId: side.routerId, capabilities };
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

/** Checks a received OPEN against the configuration and gives the agreement, or what to answer. */
export function negotiate(side: LocalSide, open: OpenMessage): Negotiation {
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
  const families = side.families.filter((family) => theirs.includes(family));
  if (families.length === 0) {
    // RFC 5492 5: the data lists what is missing.
    const needed = new ByteWriter(16);
    for (const family of side.families) writeCapability(needed, { kind: 'multiprotocol', family });
    return refuse(7, needed.finish());
  }
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
      // We announce neither: RFC 7313 needs both sides.
      enhancedRouteRefresh: false,
      extendedMessage: has(open, 'extended-message'),
      gracefulRestart: side.gracefulRestart === undefined ? undefined : graceful,
    },
  };
}

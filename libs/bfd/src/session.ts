/**
 * One BFD session in asynchronous mode (RFC 5880 6.8), as a function: state and event in, state and actions
 * out. Sockets, clocks and randomness are the caller's.
 *
 *             Init/Up received, or Init in Down
 *   Down ──Down received──► Init ─────────────────────► Up
 *    ▲                        │ detection time over       │ detection time over, or Down received
 *    └────────────────────────┴───────────────────────────┘
 */
import { diagnostic, type BfdStateName, type ControlPacket } from './packet.ts';

export interface BfdConfig {
  /** What packets of ours are recognised by; not zero, unique on this system. */
  readonly discriminator: number;
  readonly minTxUs: number;
  readonly minRxUs: number;
  readonly multiplier: number;
  /** Says nothing until the other side has spoken (RFC 5880 6.1). */
  readonly passive: boolean;
}

export interface BfdSession {
  readonly state: BfdStateName;
  readonly diagnostic: number;
  /** What the other side has said last; undefined: nothing within the detection time. */
  readonly remote: RemoteSide | undefined;
  /** A Poll Sequence is under way: the other side has yet to acknowledge our intervals. */
  readonly isPolling: boolean;
  /** What we told of us before the poll, which still counts until it ends (RFC 5880 6.8.3). */
  readonly before: Intervals | undefined;
}

export interface Intervals {
  readonly minTxUs: number;
  readonly minRxUs: number;
}

export interface RemoteSide {
  readonly state: BfdStateName;
  readonly discriminator: number;
  readonly desiredMinTxUs: number;
  readonly requiredMinRxUs: number;
  readonly multiplier: number;
  readonly demand: boolean;
}

export type BfdEvent =
  | { readonly kind: 'start' }
  /** A packet that belongs to this session. */
  | { readonly kind: 'packet'; readonly packet: ControlPacket }
  | { readonly kind: 'transmit-expired' }
  | { readonly kind: 'detection-expired' }
  /** The configuration given with this event differs in its intervals or its multiplier. */
  | { readonly kind: 'reconfigured'; readonly before: BfdConfig }
  /** Ends the session on purpose; the other side is told. */
  | { readonly kind: 'disable' };

/** Why the session changed its state. */
export type BfdCause =
  | 'packet received'
  | 'detection time expired'
  | 'the neighbour signalled down'
  /** RFC 5882 3.2: not a failure of the path. */
  | 'the neighbour is administratively down'
  | 'disabled';

export type BfdAction =
  | { readonly kind: 'send'; readonly packet: ControlPacket }
  /** (Re)starts the timer for the next packet; the caller applies `jitteredUs`. */
  | { readonly kind: 'start-transmit'; readonly intervalUs: number }
  | { readonly kind: 'stop-transmit' }
  | { readonly kind: 'start-detection'; readonly timeUs: number }
  | { readonly kind: 'stop-detection' }
  /** Disabled: packets still go out for this long, so that the other side knows; then it is over. */
  | { readonly kind: 'start-farewell'; readonly timeUs: number }
  | { readonly kind: 'changed'; readonly from: BfdStateName; readonly to: BfdStateName; readonly cause: BfdCause };

export interface BfdStep {
  readonly session: BfdSession;
  readonly actions: readonly BfdAction[];
}

export const initialBfdSession: BfdSession = {
  state: 'Down',
  diagnostic: diagnostic.none,
  remote: undefined,
  isPolling: false,
  before: undefined,
};

/** RFC 5880 6.8.3: the least interval while the session is not up. */
const slowUs = 1_000_000;

/** What we tell of us: slow until the session is up. */
function told(session: BfdSession, config: BfdConfig): Intervals {
  const minTxUs = session.state === 'Up' ? config.minTxUs : Math.max(slowUs, config.minTxUs);
  return { minTxUs, minRxUs: config.minRxUs };
}

/** RFC 5880 6.8.7: how often we send, before jitter. Undefined: not by ourselves. */
export function transmitIntervalUs(session: BfdSession, config: BfdConfig): number | undefined {
  const { remote, state, isPolling } = session;
  if (remote === undefined) return config.passive || state === 'AdminDown' ? undefined : told(session, config).minTxUs;
  if (remote.requiredMinRxUs === 0) return undefined;
  const isDemanded = remote.demand && state === 'Up' && remote.state === 'Up';
  if (isDemanded && !isPolling) return undefined;
  // 6.8.3: a longer interval waits for the end of the poll.
  const ownUs = Math.min(told(session, config).minTxUs, session.before?.minTxUs ?? Infinity);
  return Math.max(ownUs, remote.requiredMinRxUs);
}

/** RFC 5880 6.8.4: after how long without a packet the other side counts as gone. Undefined: nothing is known of it. */
export function detectionTimeUs(session: BfdSession, config: BfdConfig): number | undefined {
  const { remote, before } = session;
  if (remote === undefined) return undefined;
  // 6.8.3: a shorter interval waits for the end of the poll.
  const ownUs = Math.max(config.minRxUs, before?.minRxUs ?? 0);
  return remote.multiplier * Math.max(ownUs, remote.desiredMinTxUs);
}

/** RFC 5880 6.8.7: shortened by up to a quarter, and by a tenth at least if one lost packet is too many. */
export function jitteredUs(intervalUs: number, multiplier: number, random: number): number {
  const most = multiplier === 1 ? 0.9 : 1;
  return intervalUs * (0.75 + (most - 0.75) * random);
}

/** One step of the machine. Never throws. */
export function stepBfd(session: BfdSession, event: BfdEvent, config: BfdConfig): BfdStep {
  switch (event.kind) {
    case 'start':
      return config.passive ? { session, actions: [] } : transmit(session, config);
    case 'packet':
      return session.state === 'AdminDown' ? { session, actions: [] } : receive(session, event.packet, config);
    case 'transmit-expired':
      return transmitIntervalUs(session, config) === undefined ? { session, actions: [] } : transmit(session, config);
    case 'detection-expired':
      return expire(session, config);
    case 'reconfigured':
      return reconfigure(session, event.before, config);
    case 'disable':
      return disable(session, config);
  }
}

function packetOf(session: BfdSession, config: BfdConfig, final = false): ControlPacket {
  const { minTxUs, minRxUs } = told(session, config);
  return {
    diagnostic: session.diagnostic,
    state: session.state,
    poll: session.isPolling && !final,
    final,
    controlPlaneIndependent: false,
    demand: false,
    multiplier: config.multiplier,
    myDiscriminator: config.discriminator,
    yourDiscriminator: session.remote?.discriminator ?? 0,
    desiredMinTxUs: minTxUs,
    requiredMinRxUs: minRxUs,
    requiredMinEchoRxUs: 0,
  };
}

function transmit(session: BfdSession, config: BfdConfig): BfdStep {
  return { session, actions: [{ kind: 'send', packet: packetOf(session, config) }, transmitTimer(session, config)] };
}

function transmitTimer(session: BfdSession, config: BfdConfig): BfdAction {
  const intervalUs = transmitIntervalUs(session, config);
  return intervalUs === undefined ? { kind: 'stop-transmit' } : { kind: 'start-transmit', intervalUs };
}

interface Verdict {
  readonly state: BfdStateName;
  readonly diagnostic: number;
  readonly cause: BfdCause;
}

/** RFC 5880 6.8.6: the state after a packet. */
function stateAfter(session: BfdSession, received: BfdStateName): Verdict {
  const { state } = session;
  const stay: Verdict = { state, diagnostic: session.diagnostic, cause: 'packet received' };
  const signalled = { state: 'Down', diagnostic: diagnostic.neighborSignaledDown } as const;
  if (received === 'AdminDown')
    return state === 'Down' ? stay : { ...signalled, cause: 'the neighbour is administratively down' };
  switch (state) {
    case 'Down':
      if (received === 'Down') return { ...stay, state: 'Init' };
      return received === 'Init' ? { ...stay, state: 'Up', diagnostic: diagnostic.none } : stay;
    case 'Init':
      return received === 'Down' ? stay : { ...stay, state: 'Up', diagnostic: diagnostic.none };
    case 'Up':
      return received === 'Down' ? { ...signalled, cause: 'the neighbour signalled down' } : stay;
    case 'AdminDown':
      return stay;
  }
}

function receive(before: BfdSession, packet: ControlPacket, config: BfdConfig): BfdStep {
  const verdict = stateAfter(before, packet.state);
  const isChanged = verdict.state !== before.state;
  const isAcknowledged = packet.final && before.isPolling;
  const remote: RemoteSide = {
    state: packet.state,
    discriminator: packet.myDiscriminator,
    desiredMinTxUs: packet.desiredMinTxUs,
    requiredMinRxUs: packet.requiredMinRxUs,
    multiplier: packet.multiplier,
    demand: packet.demand,
  };
  // 6.8.3: the interval that we tell changes with Up, and the other side is to acknowledge it.
  const isPolling = isChanged ? verdict.state === 'Up' : before.isPolling && !isAcknowledged;
  const session: BfdSession = {
    state: verdict.state,
    diagnostic: verdict.diagnostic,
    remote,
    isPolling,
    before: isPolling && !isChanged ? before.before : undefined,
  };
  const answer = packet.poll ? [{ kind: 'send', packet: packetOf(session, config, true) } as const] : [];
  const news = isChanged ? transmit(session, config).actions : [];
  // The timer runs on unless its interval has changed: packets that come must not delay ours.
  const isRescheduled = transmitIntervalUs(before, config) !== transmitIntervalUs(session, config);
  const timer = !isChanged && isRescheduled ? [transmitTimer(session, config)] : [];
  const timeUs = detectionTimeUs(session, config);
  return {
    session,
    actions: [
      ...(timeUs === undefined ? [] : [{ kind: 'start-detection', timeUs } as const]),
      ...changes(before, session, verdict.cause),
      ...answer,
      ...news,
      ...timer,
    ],
  };
}

/** RFC 5880 6.8.4, and 6.8.1 for the discriminator that is forgotten. */
function expire(before: BfdSession, config: BfdConfig): BfdStep {
  const isLost = before.state === 'Up' || before.state === 'Init';
  const session: BfdSession = {
    state: isLost ? 'Down' : before.state,
    diagnostic: isLost ? diagnostic.detectionTimeExpired : before.diagnostic,
    remote: undefined,
    isPolling: false,
    before: undefined,
  };
  if (!isLost) return { session, actions: [transmitTimer(session, config)] };
  // What the other side can still hear, it is told at once, with its discriminator.
  const last = packetOf({ ...session, remote: before.remote }, config);
  return {
    session,
    actions: [
      ...changes(before, session, 'detection time expired'),
      { kind: 'send', packet: last },
      transmitTimer(session, config),
    ],
  };
}

/** RFC 5880 6.8.3: new intervals are told in a Poll Sequence. */
function reconfigure(session: BfdSession, before: BfdConfig, config: BfdConfig): BfdStep {
  if (session.state !== 'Up') return { session, actions: [transmitTimer(session, config)] };
  const polling = { ...session, isPolling: true, before: session.before ?? told(session, before) };
  return transmit(polling, config);
}

/**
 * RFC 5880 6.8.16: the other side is told for a detection time of its own, which is as long as our packets have it.
 * Where there is none, nobody waits for us.
 */
function disable(before: BfdSession, config: BfdConfig): BfdStep {
  const session: BfdSession = {
    state: 'AdminDown',
    diagnostic: diagnostic.administrativelyDown,
    remote: before.remote,
    isPolling: false,
    before: undefined,
  };
  const isHeard = before.remote !== undefined || !config.passive;
  const intervalUs = transmitIntervalUs(session, config) ?? 0;
  return {
    session,
    actions: [
      { kind: 'stop-detection' },
      ...(isHeard ? [{ kind: 'send', packet: packetOf(session, config) } as const] : []),
      transmitTimer(session, config),
      { kind: 'start-farewell', timeUs: config.multiplier * intervalUs },
      ...changes(before, session, 'disabled'),
    ],
  };
}

function changes(before: BfdSession, after: BfdSession, cause: BfdCause): BfdAction[] {
  return before.state === after.state ? [] : [{ kind: 'changed', from: before.state, to: after.state, cause }];
}

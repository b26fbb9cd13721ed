/**
 * The finite state machine of RFC 4271 8 for one connection, as a function: state and event in, state
 * and actions out. Sockets, clocks and randomness are the caller's.
 *
 *   Idle ──start──► Connect ──tcp──► OpenSent ──OPEN──► OpenConfirm ──KEEPALIVE──► Established
 *     ▲   passive    │  ▲              │                    │                         │
 *     │      │   fail▼  │retry         │                    │                         │
 *     │      └────► Active ──tcp───────┤                    │                         │
 *     └──────────────────── error, stop, collision ◄────────┴─────────────────────────┘
 *
 * A peer has up to two connections (ours to it, its to us), each with its own machine; which of the two
 * survives is decided in `collision.ts` and told to the loser as `collision-dump`.
 * Not used: DelayOpen. DampPeerOscillations is the `idle-hold` timer, whose length the caller chooses.
 */
import { messageType, type MessageType } from '../wire/header.ts';
import { ceaseSubcode, errorCode, notification, type Notification } from '../wire/notification.ts';
import type { OpenMessage } from '../wire/open.ts';
import { negotiate, type LocalSide, type Session } from './session.ts';

export type FsmState =
  | { readonly name: 'Idle' }
  | { readonly name: 'Connect' }
  | { readonly name: 'Active' }
  | { readonly name: 'OpenSent' }
  | { readonly name: 'OpenConfirm'; readonly session: Session }
  | { readonly name: 'Established'; readonly session: Session };

export type StateName = FsmState['name'];

/** The events of RFC 4271 8.1, with their numbers there. */
export type FsmEvent =
  /** 1, 3, 4, 5, 6: begin; 13: the idle hold time is over. */
  | { readonly kind: 'start' }
  /** 2, 8: end. Without a notification the connection is only closed, as a restart would (RFC 4724 4.1). */
  | { readonly kind: 'stop'; readonly notification?: Notification }
  /** 9 */
  | { readonly kind: 'connect-retry-expired' }
  /** 10 */
  | { readonly kind: 'hold-expired' }
  /** 11 */
  | { readonly kind: 'keepalive-expired' }
  /** 29 (RFC 9687 4.3): the peer has not taken what was sent to it. */
  | { readonly kind: 'send-hold-expired' }
  /** 16, 17 */
  | { readonly kind: 'tcp-connected' }
  /** 18 */
  | { readonly kind: 'tcp-failed'; readonly reason: string }
  /** 19 */
  | { readonly kind: 'open'; readonly open: OpenMessage }
  /** 21, 22, 28: something wrong was received; the answer is with it. */
  | { readonly kind: 'message-error'; readonly notification: Notification; readonly reason?: string }
  /** 23 */
  | { readonly kind: 'collision-dump' }
  /** 24, 25 */
  | { readonly kind: 'notification'; readonly notification: Notification }
  /** 26 */
  | { readonly kind: 'keepalive' }
  /** 27 */
  | { readonly kind: 'update' }
  /** RFC 2918 */
  | { readonly kind: 'route-refresh' };

export type EventKind = FsmEvent['kind'];

export type TimerName = 'connect-retry' | 'hold' | 'keepalive' | 'idle-hold' | 'send-hold';

/** Why a connection ended. */
export type DownReason =
  | { readonly kind: 'stopped'; readonly notification: Notification | undefined }
  | { readonly kind: 'sent'; readonly notification: Notification; readonly detail?: string | undefined }
  | { readonly kind: 'received'; readonly notification: Notification }
  | { readonly kind: 'transport'; readonly detail: string };

export type FsmAction =
  | { readonly kind: 'connect' }
  /** Closes the TCP connection, after what was sent. */
  | { readonly kind: 'close' }
  | { readonly kind: 'send-open' }
  | { readonly kind: 'send-keepalive' }
  | { readonly kind: 'send-notification'; readonly notification: Notification }
  /** (Re)starts a timer; the caller adds jitter (RFC 4271 10). `idle-hold` and `connect-retry` come without a time. */
  | { readonly kind: 'start-timer'; readonly timer: TimerName; readonly seconds?: number }
  | { readonly kind: 'stop-timer'; readonly timer: TimerName }
  /** The session is up. */
  | { readonly kind: 'established'; readonly session: Session }
  /** The connection is over; `wasEstablished` says whether a session was. */
  | { readonly kind: 'down'; readonly reason: DownReason; readonly wasEstablished: boolean };

export interface Step {
  readonly state: FsmState;
  readonly actions: readonly FsmAction[];
}

export interface FsmConfig {
  readonly side: LocalSide;
  /** Never connect, wait for the peer (RFC 4271 8.1.1, PassiveTcpEstablishment). */
  readonly passive: boolean;
  /** Start over by itself after an error (AllowAutomaticStart); false for an accepted connection. */
  readonly restarts: boolean;
}

export const idle: FsmState = { name: 'Idle' };

/** RFC 4271 8.2.2: the hold timer's value while an OPEN is awaited. */
export const openHoldSeconds = 240;

type StateOf<S extends StateName> = Extract<FsmState, { name: S }>;
type EventOf<E extends EventKind> = Extract<FsmEvent, { kind: E }>;
type Handler<S extends StateName, E extends EventKind> = (
  state: StateOf<S>,
  event: EventOf<E>,
  config: FsmConfig,
) => Step;
/** Total: a state or an event without a handler does not compile. */
type Table = { readonly [S in StateName]: { readonly [E in EventKind]: Handler<S, E> } };

const startTimer = (timer: TimerName, seconds?: number): FsmAction =>
  seconds === undefined ? { kind: 'start-timer', timer } : { kind: 'start-timer', timer, seconds };
const stopTimer = (timer: TimerName): FsmAction => ({ kind: 'stop-timer', timer });
const stopAll: readonly FsmAction[] = [
  stopTimer('connect-retry'),
  stopTimer('hold'),
  stopTimer('keepalive'),
  stopTimer('idle-hold'),
  stopTimer('send-hold'),
];

const stay = (state: FsmState): Step => ({ state, actions: [] });

/** To Idle, with everything let go; `again` starts the idle hold timer if the configuration allows. */
function toIdle(state: FsmState, config: FsmConfig, reason: DownReason, again: boolean): Step {
  const sent =
    reason.kind === 'sent' ? reason.notification : reason.kind === 'stopped' ? reason.notification : undefined;
  const hasPeer = state.name === 'OpenSent' || state.name === 'OpenConfirm' || state.name === 'Established';
  return {
    state: idle,
    actions: [
      ...(sent !== undefined && hasPeer ? [{ kind: 'send-notification', notification: sent } as const] : []),
      ...stopAll,
      { kind: 'close' },
      { kind: 'down', reason, wasEstablished: state.name === 'Established' },
      ...(again && config.restarts ? [startTimer('idle-hold')] : []),
    ],
  };
}

const stop = (state: FsmState, event: EventOf<'stop'>, config: FsmConfig): Step =>
  toIdle(state, config, { kind: 'stopped', notification: event.notification }, false);

const sendError = (state: FsmState, event: EventOf<'message-error'>, config: FsmConfig): Step =>
  toIdle(state, config, { kind: 'sent', notification: event.notification, detail: event.reason }, true);

const received = (state: FsmState, event: EventOf<'notification'>, config: FsmConfig): Step =>
  toIdle(state, config, { kind: 'received', notification: event.notification }, true);

const transport = (state: FsmState, event: EventOf<'tcp-failed'>, config: FsmConfig): Step =>
  toIdle(state, config, { kind: 'transport', detail: event.reason }, true);

const holdExpired = (state: FsmState, _event: EventOf<'hold-expired'>, config: FsmConfig): Step =>
  toIdle(state, config, { kind: 'sent', notification: notification(errorCode.holdTimer) }, true);

const sendHoldExpired = (state: FsmState, _event: EventOf<'send-hold-expired'>, config: FsmConfig): Step =>
  toIdle(state, config, { kind: 'sent', notification: notification(errorCode.sendHoldTimer) }, true);

const dumped = (state: FsmState, _event: EventOf<'collision-dump'>, config: FsmConfig): Step => {
  const cease = notification(errorCode.cease, ceaseSubcode.collisionResolution);
  // The other connection goes on: this machine rests until it is started again.
  return toIdle(state, config, { kind: 'sent', notification: cease }, false);
};

/** A message that has no place in this state: RFC 4271 8.2.2 "any other event", RFC 6608 for the subcode and data. */
const unexpected =
  (type: MessageType) =>
  (state: FsmState, _event: FsmEvent, config: FsmConfig): Step => {
    const subcode = state.name === 'OpenSent' ? 1 : state.name === 'OpenConfirm' ? 2 : 3;
    const answer = notification(errorCode.fsm, subcode, Uint8Array.of(type));
    return toIdle(state, config, { kind: 'sent', notification: answer }, true);
  };

/** A timer or a message that cannot occur where there is no connection: ignored. */
const ignore = (state: FsmState): Step => stay(state);

function begin(_state: FsmState, _event: FsmEvent, config: FsmConfig): Step {
  if (config.passive) return { state: { name: 'Active' }, actions: [stopTimer('idle-hold')] };
  return {
    state: { name: 'Connect' },
    actions: [stopTimer('idle-hold'), startTimer('connect-retry'), { kind: 'connect' }],
  };
}

const retry = (): Step => ({
  state: { name: 'Connect' },
  actions: [{ kind: 'close' }, startTimer('connect-retry'), { kind: 'connect' }],
});

const connected = (): Step => ({
  state: { name: 'OpenSent' },
  actions: [stopTimer('connect-retry'), { kind: 'send-open' }, startTimer('hold', openHoldSeconds)],
});

/** Back to listening until the connect retry timer runs out (8.2.2, Connect and OpenSent, event 18). */
const connectFailed = (_state: FsmState, event: EventOf<'tcp-failed'>, config: FsmConfig): Step => ({
  state: config.restarts ? { name: 'Active' } : idle,
  actions: [
    { kind: 'close' },
    ...stopAll,
    ...(config.restarts && !config.passive ? [startTimer('connect-retry')] : []),
    { kind: 'down', reason: { kind: 'transport', detail: event.reason }, wasEstablished: false },
  ],
});

function openReceived(state: FsmState, event: EventOf<'open'>, config: FsmConfig): Step {
  const outcome = negotiate(config.side, event.open);
  if (!outcome.ok) return toIdle(state, config, { kind: 'sent', notification: outcome.notification }, true);
  const { session } = outcome;
  return {
    state: { name: 'OpenConfirm', session },
    actions: [stopTimer('connect-retry'), { kind: 'send-keepalive' }, ...sessionTimers(session)],
  };
}

/** RFC 4271 4.4, 8.2.2: a hold time of zero means neither timer. */
function sessionTimers({ holdSeconds, keepaliveSeconds }: Session): FsmAction[] {
  if (holdSeconds === 0) return [stopTimer('hold'), stopTimer('keepalive')];
  return [startTimer('keepalive', keepaliveSeconds), startTimer('hold', holdSeconds)];
}

const restartHold = (state: StateOf<'OpenConfirm'> | StateOf<'Established'>): Step => ({
  state,
  actions: state.session.holdSeconds === 0 ? [] : [startTimer('hold', state.session.holdSeconds)],
});

const sendKeepalive = (state: StateOf<'OpenConfirm'> | StateOf<'Established'>): Step => ({
  state,
  actions:
    state.session.holdSeconds === 0
      ? []
      : [{ kind: 'send-keepalive' }, startTimer('keepalive', state.session.keepaliveSeconds)],
});

const establish = (state: StateOf<'OpenConfirm'>): Step => ({
  state: { name: 'Established', session: state.session },
  actions: [
    ...restartHold(state).actions,
    ...(state.session.sendHoldSeconds === 0 ? [] : [startTimer('send-hold', state.session.sendHoldSeconds)]),
    { kind: 'established', session: state.session },
  ],
});

const table: Table = {
  Idle: {
    start: begin,
    stop: (state) => ({ state, actions: [stopTimer('idle-hold')] }),
    'connect-retry-expired': ignore,
    'hold-expired': ignore,
    'keepalive-expired': ignore,
    'send-hold-expired': ignore,
    // 8.2.2: in Idle all connections are refused.
    'tcp-connected': (state) => ({ state, actions: [{ kind: 'close' }] }),
    'tcp-failed': ignore,
    open: ignore,
    'message-error': ignore,
    'collision-dump': ignore,
    notification: ignore,
    keepalive: ignore,
    update: ignore,
    'route-refresh': ignore,
  },
  Connect: {
    start: ignore,
    stop,
    'connect-retry-expired': retry,
    'hold-expired': ignore,
    'keepalive-expired': ignore,
    'send-hold-expired': ignore,
    'tcp-connected': connected,
    'tcp-failed': connectFailed,
    open: ignore,
    'message-error': sendError,
    'collision-dump': dumped,
    notification: received,
    keepalive: ignore,
    update: ignore,
    'route-refresh': ignore,
  },
  Active: {
    start: ignore,
    stop,
    'connect-retry-expired': (state, _event, config) => (config.passive ? stay(state) : retry()),
    'hold-expired': ignore,
    'keepalive-expired': ignore,
    'send-hold-expired': ignore,
    'tcp-connected': connected,
    'tcp-failed': connectFailed,
    open: ignore,
    'message-error': sendError,
    'collision-dump': dumped,
    notification: received,
    keepalive: ignore,
    update: ignore,
    'route-refresh': ignore,
  },
  OpenSent: {
    start: ignore,
    stop,
    'connect-retry-expired': ignore,
    'hold-expired': holdExpired,
    'keepalive-expired': ignore,
    'send-hold-expired': ignore,
    'tcp-connected': ignore,
    'tcp-failed': connectFailed,
    open: openReceived,
    'message-error': sendError,
    'collision-dump': dumped,
    // A NOTIFICATION is never answered with one (6.4), so this is not an "unexpected message".
    notification: received,
    keepalive: unexpected(messageType.keepalive),
    update: unexpected(messageType.update),
    'route-refresh': unexpected(messageType.routeRefresh),
  },
  OpenConfirm: {
    start: ignore,
    stop,
    'connect-retry-expired': ignore,
    'hold-expired': holdExpired,
    'keepalive-expired': sendKeepalive,
    'send-hold-expired': sendHoldExpired,
    'tcp-connected': ignore,
    'tcp-failed': transport,
    open: unexpected(messageType.open),
    'message-error': sendError,
    'collision-dump': dumped,
    notification: received,
    keepalive: establish,
    update: unexpected(messageType.update),
    'route-refresh': unexpected(messageType.routeRefresh),
  },
  Established: {
    start: ignore,
    stop,
    'connect-retry-expired': ignore,
    'hold-expired': holdExpired,
    'keepalive-expired': sendKeepalive,
    'send-hold-expired': sendHoldExpired,
    'tcp-connected': ignore,
    'tcp-failed': transport,
    open: unexpected(messageType.open),
    'message-error': sendError,
    'collision-dump': dumped,
    notification: received,
    keepalive: restartHold,
    update: restartHold,
    'route-refresh': restartHold,
  },
};

/** One step of the machine. Never throws; an event that means nothing in a state leaves it alone. */
export function step(state: FsmState, event: FsmEvent, config: FsmConfig): Step {
  // The table's type ties each handler to its state and event, which TypeScript cannot follow through two look-ups.
  const handler = table[state.name][event.kind] as (state: FsmState, event: FsmEvent, config: FsmConfig) => Step;
  return handler(state, event, config);
}

/** Whether losing the session this way lets its routes be kept while the peer restarts (RFC 4724 4.2). */
export function isGracefulLoss(reason: DownReason): boolean {
  return reason.kind === 'transport' || (reason.kind === 'stopped' && reason.notification === undefined);
}

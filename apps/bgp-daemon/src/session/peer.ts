import type { Socket } from 'node:net';
import {
  ceaseSubcode,
  describeNotification,
  errorCode,
  isGracefulLoss,
  messageType,
  notification,
  resolveCollision,
  type DownReason,
  type FsmConfig,
  type GracefulRestart,
  type LocalSide,
  type Notification,
  type OpenMessage,
  type PlainUpdate,
  type RouteRefreshKind,
  type Session,
  type StateName,
  type Update,
} from '@calico-node/bgp';
import { familyOf, type Family, type IpAddress } from '@calico-node/net';
import { Backoff, type Logger } from '@calico-node/service';
import type { Dampening, NeighborConfig } from '../config/daemon-config.ts';
import { Channel, type ChannelOwner } from './channel.ts';
import { Crossing } from './crossing.ts';
import { Flaps } from './flaps.ts';
import { limitHops } from './gtsm.ts';
import type { SessionObserver } from './observer.ts';

export interface PeerHandlers {
  dial(config: NeighborConfig): Socket;
  established(session: Session, localAddress: IpAddress | undefined): void;
  /** The session is gone. `retain`: the peer is expected back, its routes stay meanwhile (RFC 4724 4.2). */
  lost(retain: GracefulRestart | undefined): void;
  update(update: Update): void;
  /** See `ChannelOwner`. */
  plainUpdate(bytes: Uint8Array, update: PlainUpdate): boolean;
  routeRefresh(family: Family, kind: RouteRefreshKind): void;
  drained(): void;
  readonly observers: readonly SessionObserver[];
}

export interface PeerIdentity {
  readonly routerId: number;
  /** The R bit (RFC 4724 3): asked for each OPEN. */
  isRestarting(): boolean;
  /** Undefined: sessions may come and go. */
  dampening(): Dampening | undefined;
}

const rank: Readonly<Record<StateName, number>> = {
  Idle: 0,
  Active: 1,
  Connect: 2,
  OpenSent: 3,
  OpenConfirm: 4,
  Established: 5,
};

/** After a session was lost to the transport, and after an error; in seconds. */
const reconnectSeconds = 0.5;
const errorMinMs = 1000;
const errorMaxMs = 30_000;

const maxLoggedFailures = 16;

/** Connections that a peer may have open to us at once: an old one, a new one, and one to spare. */
const maxAccepted = 3;

/** A neighbour: its session, with the one or two connections that may lead to it. Does not know routes. */
export class Peer {
  readonly config: NeighborConfig;
  readonly families: readonly Family[];
  readonly #identity: PeerIdentity;
  readonly #handlers: PeerHandlers;
  readonly #log: Logger;
  readonly #errorBackoff = new Backoff(errorMinMs, errorMaxMs);
  readonly #outgoing: Channel;
  readonly #crossing: Crossing;
  readonly #accepted = new Set<Channel>();
  #active: Channel | undefined;
  #session: Session | undefined;
  #sideNow: LocalSide | undefined;
  /** The peer has refused our capabilities altogether: told none, it may take us (RFC 5492 3). */
  #isBare = false;
  #isStopped = true;
  #wasEstablished = false;
  #lastDown: DownReason | undefined;
  #lastError = '';
  readonly #loggedFailures = new Set<string>();
  #state: StateName = 'Idle';
  #sinceMs = Date.now();
  #establishedAt = 0;
  readonly #flaps = new Flaps();
  #restartTimer: NodeJS.Timeout | undefined;
  messagesReceived = 0;
  messagesSent = 0;

  constructor(config: NeighborConfig, identity: PeerIdentity, handlers: PeerHandlers, log: Logger) {
    this.config = config;
    this.families = config.families;
    this.#identity = identity;
    this.#handlers = handlers;
    this.#log = log;
    this.#outgoing = new Channel('local', this.#owner(config.passive, true));
    this.#crossing = new Crossing(this.#outgoing);
  }

  /** The more advanced connection's state. */
  get state(): StateName {
    return this.#state;
  }

  /** When the state was entered, Unix time in ms. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  get lastError(): string {
    return this.#lastError;
  }

  get session(): Session | undefined {
    return this.#session;
  }

  get dampening(): { readonly flaps: number; readonly leftSeconds: number } {
    return { flaps: this.#flaps.count, leftSeconds: this.#flaps.leftSeconds(this.#identity.dampening()) };
  }

  get isCongested(): boolean {
    return this.#active?.isCongested ?? false;
  }

  /** Ended on purpose, and not to be started by itself. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  start(): void {
    clearTimeout(this.#restartTimer);
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.#outgoing.dispatch({ kind: 'start' });
  }

  /** Ends the session; with a notification the peer drops our routes, without one it takes it for a restart. */
  stop(cease?: Notification): void {
    clearTimeout(this.#restartTimer);
    this.#isStopped = true;
    const event = { kind: 'stop', ...(cease === undefined ? {} : { notification: cease }) } as const;
    this.#outgoing.dispatch(event);
    for (const channel of [...this.#accepted]) channel.dispatch(event);
  }

  /** Ends the session, and starts it again after some time. */
  pause(cease: Notification, seconds: number): void {
    this.stop(cease);
    this.#restartTimer = setTimeout(() => {
      this.start();
    }, seconds * 1000);
  }

  /** Ends the session without waiting for the hold time (RFC 9384), or as if the connection had been lost. */
  pathFailed(keepsRoutes: boolean): void {
    const cease = notification(errorCode.cease, ceaseSubcode.bfdDown);
    this.#active?.dispatch(
      keepsRoutes ? { kind: 'tcp-failed', reason: 'BFD down' } : { kind: 'message-error', notification: cease },
    );
  }

  /** Takes a connection that came from the peer's address. */
  accept(socket: Socket): void {
    const { ttlSecurityHops: hops, address } = this.config;
    const isTooFar = hops > 0 && !limitHops(socket, familyOf(address), hops);
    const isDamped = this.#flaps.leftSeconds(this.#identity.dampening()) > 0;
    if (this.#isStopped || isTooFar || isDamped || this.#accepted.size >= maxAccepted) {
      socket.on('error', () => undefined).destroy();
      return;
    }
    const channel = new Channel('remote', this.#owner(true, false));
    this.#accepted.add(channel);
    channel.accept(socket);
  }

  send(messages: Uint8Array): void {
    this.#active?.send(messages);
  }

  #side(): LocalSide {
    const side = this.#fullSide();
    return this.#isBare ? { ...side, isBare: true } : side;
  }

  #fullSide(): LocalSide {
    const restarting = this.#identity.isRestarting();
    const forwardingPreserved = restarting || this.#wasEstablished;
    const known = this.#sideNow?.gracefulRestart;
    if (
      this.#sideNow !== undefined &&
      known?.restarting === restarting &&
      known.forwardingPreserved === forwardingPreserved
    ) {
      return this.#sideNow;
    }
    const { localAs, remoteAs, holdSeconds, keepaliveSeconds, restartSeconds } = this.config;
    this.#sideNow = {
      localAs,
      remoteAs,
      routerId: this.#identity.routerId,
      holdSeconds,
      keepaliveSeconds,
      families: this.families,
      gracefulRestart: { restartSeconds, restarting, forwardingPreserved },
      longLivedSeconds: this.config.longLivedSeconds,
      addPath: this.config.addPath,
      sendHoldSeconds: this.config.sendHoldSeconds,
      extendedNextHop: familyOf(this.config.address) === 6 && this.families.includes(4),
      role: this.config.role,
    };
    return this.#sideNow;
  }

  #owner(passive: boolean, restarts: boolean): ChannelOwner {
    return {
      config: (): FsmConfig => ({ side: this.#side(), passive, restarts }),
      dial: () => this.#handlers.dial(this.config),
      idleHoldSeconds: () => this.#idleHoldSeconds(),
      stateChanged: (channel) => {
        this.#updateState();
        if (channel === this.#outgoing) this.#crossing.outgoingChanged();
      },
      mayDial: () => ![...this.#accepted].some(({ state }) => state.name === 'OpenConfirm'),
      delaysOpen: (channel) => this.#crossing.delays(channel),
      openReceived: (channel, open) => this.#isWinner(channel, open),
      established: (channel, session) => {
        this.#established(channel, session);
      },
      down: (channel, reason, wasEstablished) => {
        this.#down(channel, reason, wasEstablished);
      },
      update: (_channel, update) => {
        this.#handlers.update(update);
      },
      plainUpdate: (bytes, update) => this.#handlers.plainUpdate(bytes, update),
      routeRefresh: (_channel, family, kind) => {
        this.#handlers.routeRefresh(family, kind);
      },
      drained: (channel) => {
        if (channel === this.#active) this.#handlers.drained();
      },
      received: (channel, type, bytes, start, end) => {
        this.messagesReceived++;
        if (type !== messageType.update || channel !== this.#active) return;
        for (const observer of this.#handlers.observers)
          if (observer.wantsUpdates) observer.update(this.config, bytes.subarray(start, end));
      },
      sent: () => {
        this.messagesSent++;
      },
    };
  }

  #updateState(): void {
    const states = this.#channels().map((channel) => channel.state.name);
    const state = states.reduce<StateName>((a, b) => (rank[b] > rank[a] ? b : a), 'Idle');
    if (state === this.#state) return;
    this.#state = state;
    this.#sinceMs = Date.now();
  }

  #channels(): Channel[] {
    return [this.#outgoing, ...this.#accepted];
  }

  /** Collision detection when an OPEN comes (RFC 4271 6.8). */
  #isWinner(channel: Channel, open: OpenMessage): boolean {
    return this.#channels().every((other) => other === channel || this.#winsAgainst(other, channel, open));
  }

  #winsAgainst(other: Channel, channel: Channel, open: OpenMessage): boolean {
    const gracefulRestart = open.capabilities.find((capability) => capability.kind === 'graceful-restart');
    const verdict = resolveCollision({
      existing: {
        state: other.state.name,
        initiator: other.initiator,
        establishedMs: performance.now() - this.#establishedAt,
      },
      initiator: channel.initiator,
      local: { routerId: this.#identity.routerId, asn: this.config.localAs },
      remote: { routerId: open.routerId, asn: open.asn },
      gracefulRestart: this.#session?.gracefulRestart !== undefined,
      restarted: gracefulRestart?.restarting ?? false,
    });
    switch (verdict) {
      case 'keep-both':
        return true;
      case 'drop-existing':
        other.dispatch({ kind: 'collision-dump' });
        return true;
      case 'replace-existing':
        other.dispatch({ kind: 'tcp-failed', reason: 'the peer has restarted' });
        return true;
      case 'drop-new':
        channel.dispatch({ kind: 'collision-dump' });
        return false;
    }
  }

  #established(channel: Channel, session: Session): void {
    this.#active = channel;
    this.#session = session;
    this.#establishedAt = performance.now();
    this.#wasEstablished = true;
    this.#errorBackoff.reset();
    this.#loggedFailures.clear();
    for (const other of this.#channels()) if (other !== channel) other.dispatch({ kind: 'collision-dump' });
    this.#log.info({ holdSeconds: session.holdSeconds, initiator: channel.initiator }, 'session established');
    const localAddress = channel.localAddress ?? this.config.sourceAddress;
    if (localAddress !== undefined)
      for (const observer of this.#handlers.observers)
        observer.established(this.config, session, { localAddress, ...channel.beginning });
    this.#handlers.established(session, channel.localAddress);
  }

  #down(channel: Channel, reason: DownReason, wasEstablished: boolean): void {
    const lost = this.#session;
    if (channel === this.#active) {
      this.#active = undefined;
      this.#session = undefined;
    }
    this.#accepted.delete(channel);
    this.#crossing.forget(channel);
    this.#updateState();
    const isCollision = isCollisionCease(reason);
    if (!isCollision) {
      this.#isBare = isUnsupportedParameter(reason) && !this.#isBare;
      this.#lastDown = reason;
      this.#lastError = describeDown(reason);
    }
    if (wasEstablished) {
      this.#flaps.ended(performance.now() - this.#establishedAt, this.#identity.dampening());
      this.#log.warn({ reason: describeDown(reason) }, 'session lost');
      for (const observer of this.#handlers.observers) observer.down(this.config, reason);
      const graceful = isGracefulLoss(reason) && !this.#isStopped ? lost?.gracefulRestart : undefined;
      this.#handlers.lost(graceful);
    } else if (!isCollision && reason.kind !== 'stopped') {
      this.#logFailure(channel, reason);
    }
    this.#startAgain();
  }

  /** It is tried again and again: each way of failing is said aloud once, until there is a session. */
  #logFailure({ initiator }: Channel, reason: DownReason): void {
    const text = describeDown(reason);
    const news = reason.kind === 'transport' ? 'info' : 'warn';
    this.#log[this.#loggedFailures.has(text) ? 'debug' : news]({ reason: text, initiator }, 'connection failed');
    // What a peer says can be anything.
    if (this.#loggedFailures.size >= maxLoggedFailures) this.#loggedFailures.clear();
    this.#loggedFailures.add(text);
  }

  #idleHoldSeconds(): number {
    const dampedSeconds = this.#flaps.leftSeconds(this.#identity.dampening());
    if (dampedSeconds > 0) return dampedSeconds;
    const isError = this.#lastDown !== undefined && !isGracefulLoss(this.#lastDown);
    return isError ? this.#errorBackoff.nextMs() / 1000 : reconnectSeconds;
  }

  #startAgain(): void {
    if (this.#isStopped || this.#accepted.size > 0 || this.#outgoing.state.name !== 'Idle') return;
    this.#outgoing.startAfter(this.config.passive ? 0 : this.#idleHoldSeconds());
  }
}

function isCollisionCease(reason: DownReason): boolean {
  if (reason.kind !== 'sent' && reason.kind !== 'received') return false;
  const { code, subcode } = reason.notification;
  return code === errorCode.cease && subcode === ceaseSubcode.collisionResolution;
}

/** The peer does not know the optional parameter that capabilities are in. */
function isUnsupportedParameter(reason: DownReason): boolean {
  return reason.kind === 'received' && reason.notification.code === errorCode.open && reason.notification.subcode === 4;
}

/** Why a connection ended, in words. */
export function describeDown(reason: DownReason): string {
  switch (reason.kind) {
    case 'transport':
      return `Socket: ${reason.detail}`;
    case 'sent': {
      const detail = reason.detail === undefined ? '' : ` (${reason.detail})`;
      return `BGP Error: ${describeNotification(reason.notification)}${detail}`;
    }
    case 'received':
      return `Received: ${describeNotification(reason.notification)}`;
    case 'stopped':
      return 'Stopped';
  }
}

export function deconfigured(): Notification {
  return notification(errorCode.cease, ceaseSubcode.peerDeconfigured);
}

export function reconfigured(): Notification {
  return notification(errorCode.cease, ceaseSubcode.otherConfigurationChange);
}

import type { Socket } from 'node:net';
import {
  decodeNotification,
  decodeOpen,
  decodeRouteRefresh,
  decodeUpdate,
  encodeKeepalive,
  encodeNotification,
  encodeOpenMessage,
  headerLength,
  idle,
  localOpen,
  messageType,
  PlainUpdate,
  readPlainUpdate,
  step,
  type BmpPeerUp,
  type DownReason,
  type FsmAction,
  type FsmConfig,
  type FsmEvent,
  type FsmState,
  type MessageType,
  type OpenMessage,
  type RouteRefreshKind,
  type Session,
  type TimerName,
  type Update,
  type UpdateContext,
} from '@calico-node/bgp';
import type { Family, IpAddress } from '@calico-node/net';
import { Connection } from './connection.ts';
import { Timers } from './timers.ts';

export interface ChannelOwner {
  config(): FsmConfig;
  /** Opens a connection; `undefined` when that fails at once, after the owner noted why. */
  dial(): Socket;
  /** How long to rest in Idle, in seconds. */
  idleHoldSeconds(): number;
  stateChanged(channel: Channel): void;
  /** Whether a connection may be opened now; asked again after a while if not. */
  mayDial(channel: Channel): boolean;
  /** A valid OPEN has come. True: it has to wait for `takeOpen`, and all that follows it. */
  delaysOpen(channel: Channel): boolean;
  /** Before the machine sees an OPEN: time for collision detection. False: it must not see it. */
  openReceived(channel: Channel, open: OpenMessage): boolean;
  established(channel: Channel, session: Session): void;
  down(channel: Channel, reason: DownReason, wasEstablished: boolean): void;
  update(channel: Channel, update: Update): void;
  /** An UPDATE of the usual form, not decoded. False: it has to be, nothing has been done with it. */
  plainUpdate(bytes: Uint8Array, update: PlainUpdate): boolean;
  routeRefresh(channel: Channel, family: Family, kind: RouteRefreshKind): void;
  drained(channel: Channel): void;
  /** A message has come, whole at `start..end`; nothing has been done with it. */
  received(channel: Channel, type: MessageType, bytes: Uint8Array, start: number, end: number): void;
  sent(): void;
}

/** Connect retry: how long one attempt may take, and the rest between two (RFC 4271 8, 10). */
const attemptSeconds = 4;
const retrySeconds = 1;

/** One connection's state machine with its socket and timers: carries out what `step` says. */
export class Channel {
  readonly initiator: 'local' | 'remote';
  readonly #owner: ChannelOwner;
  readonly #timers: Timers;
  #state: FsmState = idle;
  #connection: Connection | undefined;
  #context: UpdateContext | undefined;
  /** Whether UPDATEs may be of the plain form (see `readPlainUpdate`). */
  #isPlain = false;
  readonly #plain = new PlainUpdate();
  #sentOpen: Uint8Array = new Uint8Array(0);
  #receivedOpen: Uint8Array = new Uint8Array(0);
  #waitingOpen: OpenMessage | undefined;
  /** When the machine last heard of received octets. */
  #heardMs = 0;

  constructor(initiator: 'local' | 'remote', owner: ChannelOwner) {
    this.initiator = initiator;
    this.#owner = owner;
    this.#timers = new Timers((timer) => {
      this.#expired(timer);
    });
  }

  get state(): FsmState {
    return this.#state;
  }

  get localAddress(): IpAddress | undefined {
    return this.#connection?.localAddress;
  }

  /** What a session began with. */
  get beginning(): Omit<BmpPeerUp, 'localAddress'> {
    const { localPort = 0, remotePort = 0 } = this.#connection ?? {};
    return { localPort, remotePort, sentOpen: this.#sentOpen, receivedOpen: this.#receivedOpen };
  }

  get isCongested(): boolean {
    return this.#connection?.isCongested ?? false;
  }

  dispatch(event: FsmEvent): void {
    const before = this.#state;
    const { state, actions } = step(before, event, this.#owner.config());
    this.#state = state;
    if (state.name !== before.name) this.#owner.stateChanged(this);
    for (const action of actions) this.#perform(action);
  }

  /** Takes over a connection that the peer has opened. */
  accept(socket: Socket): void {
    this.#attach(socket);
    this.dispatch({ kind: 'start' });
    this.dispatch({ kind: 'tcp-connected' });
  }

  /** Starts the machine after a rest. */
  startAfter(seconds: number): void {
    this.#timers.start('idle-hold', seconds);
  }

  send(messages: Uint8Array): void {
    this.#connection?.send(messages);
    this.#owner.sent();
  }

  /** Goes on with the OPEN that had to wait, and with what came after it. */
  takeOpen(): void {
    const open = this.#waitingOpen;
    this.#waitingOpen = undefined;
    if (open === undefined) return;
    this.#opened(open);
    this.#connection?.release();
  }

  #attach(socket: Socket): void {
    const isExtended = (): boolean => this.#state.name === 'Established' && this.#state.session.extendedMessage;
    const connection: Connection = new Connection(
      socket,
      {
        onMessage: (type, bytes, start, end) => {
          if (this.#connection === connection) this.#onMessage(type, bytes, start, end);
        },
        onHeaderError: (notification) => {
          if (this.#connection === connection) this.dispatch({ kind: 'message-error', notification });
        },
        onClosed: (reason) => {
          if (this.#connection === connection) this.dispatch({ kind: 'tcp-failed', reason });
        },
        onDrain: () => {
          this.#owner.drained(this);
        },
      },
      isExtended,
    );
    this.#connection = connection;
  }

  #perform(action: FsmAction): void {
    switch (action.kind) {
      case 'connect':
        this.#connect();
        return;
      case 'close':
        this.#connection?.close();
        this.#connection = undefined;
        this.#context = undefined;
        this.#waitingOpen = undefined;
        return;
      case 'send-open':
        this.#sentOpen = encodeOpenMessage(localOpen(this.#owner.config().side));
        this.send(this.#sentOpen);
        return;
      case 'send-keepalive':
        this.send(encodeKeepalive());
        return;
      case 'send-notification':
        this.send(encodeNotification(action.notification));
        return;
      case 'start-timer':
        this.#timers.start(action.timer, action.seconds ?? this.#ownSeconds(action.timer));
        return;
      case 'stop-timer':
        this.#timers.stop(action.timer);
        return;
      case 'established':
        this.#begin(action.session);
        return;
      case 'down':
        this.#owner.down(this, action.reason, action.wasEstablished);
    }
  }

  #ownSeconds(timer: TimerName): number {
    if (timer === 'idle-hold') return this.#owner.idleHoldSeconds();
    return this.#state.name === 'Connect' ? attemptSeconds : retrySeconds;
  }

  #connect(): void {
    let socket: Socket;
    try {
      socket = this.#owner.dial();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      setImmediate(() => {
        this.dispatch({ kind: 'tcp-failed', reason });
      });
      return;
    }
    this.#attach(socket);
    const connection = this.#connection;
    socket.once('connect', () => {
      if (this.#connection === connection) this.dispatch({ kind: 'tcp-connected' });
    });
  }

  #begin(session: Session): void {
    const { as4, external, families, addPathReceive: addPath, extendedNextHop } = session;
    this.#context = { as4, external, families, addPath, extendedNextHop };
    this.#isPlain = as4 && families.includes(4) && !addPath.includes(4);
    this.#owner.established(this, session);
  }

  #expired(timer: TimerName): void {
    switch (timer) {
      case 'connect-retry':
        if (this.#owner.mayDial(this)) this.dispatch({ kind: 'connect-retry-expired' });
        else this.#timers.start(timer, retrySeconds);
        return;
      case 'keepalive':
        this.dispatch({ kind: 'keepalive-expired' });
        return;
      case 'idle-hold':
        if (this.#owner.mayDial(this)) this.dispatch({ kind: 'start' });
        else this.#timers.start(timer, retrySeconds);
        return;
      case 'hold':
        this.#holdExpired();
        return;
      case 'send-hold':
        this.#sendHoldExpired();
    }
  }

  /**
   * After a stall of this process the peer's octets may lie unread in the socket, for timers run before
   * sockets are polled: look again after the poll. Any octet is a sign of life.
   */
  #holdExpired(): void {
    const expiredAt = performance.now();
    setImmediate(() => {
      setImmediate(() => {
        const connection = this.#connection;
        if (connection === undefined) return;
        if (connection.lastReceivedMs >= expiredAt) this.#timers.start('hold', 1);
        else this.dispatch({ kind: 'hold-expired' });
      });
    });
  }

  /** RFC 9687 3: the peer reads nothing, though its keepalives may come. */
  #sendHoldExpired(): void {
    if (this.#state.name !== 'Established') return;
    const leftMs = this.#state.session.sendHoldSeconds * 1000 - (this.#connection?.stuckMs ?? 0);
    if (leftMs > 0) this.#timers.start('send-hold', leftMs / 1000);
    else this.dispatch({ kind: 'send-hold-expired' });
  }

  #onMessage(type: MessageType, bytes: Uint8Array, start: number, end: number): void {
    this.#owner.received(this, type, bytes, start - headerLength, end);
    if (type === messageType.open) this.#receivedOpen = bytes.slice(start - headerLength, end);
    switch (type) {
      case messageType.open: {
        const result = decodeOpen(bytes, start, end);
        if (!result.ok) this.dispatch({ kind: 'message-error', notification: result.notification });
        else if (this.#state.name === 'OpenSent' && this.#owner.delaysOpen(this)) {
          this.#waitingOpen = result.open;
          this.#connection?.hold();
        } else this.#opened(result.open);
        return;
      }
      case messageType.update:
        this.#onUpdate(bytes, start, end);
        return;
      case messageType.notification:
        this.dispatch({ kind: 'notification', notification: decodeNotification(bytes, start, end) });
        return;
      case messageType.keepalive:
        this.dispatch({ kind: 'keepalive' });
        return;
      case messageType.routeRefresh: {
        this.dispatch({ kind: 'route-refresh' });
        if (this.#state.name !== 'Established') return;
        const refresh = decodeRouteRefresh(bytes, start, end);
        if (refresh.kind === 'error') this.dispatch({ kind: 'message-error', notification: refresh.notification });
        else if (refresh.kind !== 'ignored') this.#owner.routeRefresh(this, refresh.family, refresh.kind);
      }
    }
  }

  #opened(open: OpenMessage): void {
    if (this.#owner.openReceived(this, open)) this.dispatch({ kind: 'open', open });
  }

  #onUpdate(bytes: Uint8Array, start: number, end: number): void {
    // The hold timer need not be told of each of the messages that came in one go.
    const receivedMs = this.#connection?.lastReceivedMs ?? 0;
    if (this.#state.name !== 'Established' || receivedMs !== this.#heardMs) this.dispatch({ kind: 'update' });
    this.#heardMs = receivedMs;
    if (this.#state.name !== 'Established' || this.#context === undefined) return;
    const plain = this.#plain;
    if (this.#isPlain && readPlainUpdate(bytes, start, end, plain) && this.#owner.plainUpdate(bytes, plain)) return;
    const result = decodeUpdate(bytes, start, end, this.#context);
    if (result.kind === 'reset') {
      this.dispatch({ kind: 'message-error', notification: result.notification, reason: result.reason });
    } else {
      this.#owner.update(this, result);
    }
  }
}

import {
  detectionTimeUs,
  encodeControlPacket,
  initialBfdSession,
  jitteredUs,
  stepBfd,
  transmitIntervalUs,
  type BfdAction,
  type BfdCause,
  type BfdConfig,
  type BfdEvent,
  type BfdSession,
  type BfdStateName,
} from '@calico-node/bfd';

export interface BfdRunnerHandlers {
  send(packet: Uint8Array): void;
  changed(from: BfdStateName, to: BfdStateName, cause: BfdCause): void;
  /** Disabled, and the other side has been told for as long as is due. */
  ended(): void;
}

/** One session's machine with its timers: carries out what `stepBfd` says. */
export class BfdRunner {
  readonly #handlers: BfdRunnerHandlers;
  #config: BfdConfig;
  #session: BfdSession = initialBfdSession;
  #transmit: NodeJS.Timeout | undefined;
  #detection: NodeJS.Timeout | undefined;
  #farewell: NodeJS.Timeout | undefined;
  #heardMs = 0;
  /** When the state was entered, Unix time in ms. */
  sinceMs = Date.now();

  constructor(config: BfdConfig, handlers: BfdRunnerHandlers) {
    this.#config = config;
    this.#handlers = handlers;
  }

  get session(): BfdSession {
    return this.#session;
  }

  /** How often packets go out and after how long silence is a failure; 0: not, never. */
  get times(): { readonly transmitMs: number; readonly detectionMs: number } {
    return {
      transmitMs: (transmitIntervalUs(this.#session, this.#config) ?? 0) / 1000,
      detectionMs: (detectionTimeUs(this.#session, this.#config) ?? 0) / 1000,
    };
  }

  dispatch(event: BfdEvent): void {
    if (event.kind === 'packet') this.#heardMs = performance.now();
    const { session, actions } = stepBfd(this.#session, event, this.#config);
    this.#session = session;
    for (const action of actions) this.#perform(action);
  }

  reconfigure(config: BfdConfig): void {
    const before = this.#config;
    this.#config = config;
    this.dispatch({ kind: 'reconfigured', before });
  }

  /** Says no more. After `disable` only: the other side may not have heard of it. */
  end(): void {
    clearTimeout(this.#transmit);
    clearTimeout(this.#farewell);
    this.#handlers.ended();
  }

  #perform(action: BfdAction): void {
    switch (action.kind) {
      case 'send':
        this.#handlers.send(encodeControlPacket(action.packet));
        return;
      case 'start-transmit': {
        const us = jitteredUs(action.intervalUs, this.#config.multiplier, Math.random());
        clearTimeout(this.#transmit);
        this.#transmit = setTimeout(() => {
          this.dispatch({ kind: 'transmit-expired' });
        }, us / 1000);
        return;
      }
      case 'stop-transmit':
        clearTimeout(this.#transmit);
        return;
      case 'start-detection':
        clearTimeout(this.#detection);
        this.#detection = setTimeout(() => {
          this.#detectionExpired();
        }, action.timeUs / 1000);
        return;
      case 'stop-detection':
        clearTimeout(this.#detection);
        return;
      case 'start-farewell':
        this.#farewell = setTimeout(() => {
          this.end();
        }, action.timeUs / 1000);
        return;
      case 'changed':
        this.sinceMs = Date.now();
        this.#handlers.changed(action.from, action.to, action.cause);
    }
  }

  /**
   * After a stall of this process packets may lie unread in the socket, for timers run before sockets are
   * polled: look again after the poll.
   */
  #detectionExpired(): void {
    const expiredAt = performance.now();
    setImmediate(() => {
      setImmediate(() => {
        if (this.#heardMs < expiredAt) this.dispatch({ kind: 'detection-expired' });
      });
    });
  }
}

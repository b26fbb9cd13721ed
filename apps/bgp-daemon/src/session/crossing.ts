import type { Channel } from './channel.ts';

/** How long a connection of ours may stay without an answer before the peer's need not wait for it any more. */
const answerMs = 3000;

/**
 * Connections of both sides that cross each other (RFC 4271 6.8). A peer's kernel completes our connection before
 * its daemon takes it. If a session over the peer's connection came up in between, the peer would take ours for
 * a restart (RFC 4724 5) and drop the session: BIRD does. So the OPEN on an accepted connection waits until
 * the peer has answered on ours, or ours is no more.
 */
export class Crossing {
  readonly #outgoing: Channel;
  readonly #waiting = new Map<Channel, NodeJS.Timeout>();

  constructor(outgoing: Channel) {
    this.#outgoing = outgoing;
  }

  /** Whether the OPEN that has come on a connection has to wait; `takeOpen` is then called on it later. */
  delays(channel: Channel): boolean {
    const { name } = this.#outgoing.state;
    if (channel === this.#outgoing || (name !== 'Connect' && name !== 'OpenSent')) return false;
    const timer = setTimeout(() => {
      this.#release(channel);
    }, answerMs);
    this.#waiting.set(channel, timer);
    if (name === 'Connect') this.#giveUpDialling();
    return true;
  }

  /** Ours has another state: once that is carried out, nobody has to wait for it any more. */
  outgoingChanged(): void {
    const { name } = this.#outgoing.state;
    if (this.#waiting.size === 0 || name === 'Connect' || name === 'OpenSent') return;
    setImmediate(() => {
      for (const channel of [...this.#waiting.keys()]) this.#release(channel);
    });
  }

  /** The connection is over. */
  forget(channel: Channel): void {
    clearTimeout(this.#waiting.get(channel));
    this.#waiting.delete(channel);
  }

  /** A connection that the kernel has completed shows after the next poll; one that it has not is not needed. */
  #giveUpDialling(): void {
    setImmediate(() => {
      setImmediate(() => {
        if (this.#waiting.size > 0 && this.#outgoing.state.name === 'Connect')
          this.#outgoing.dispatch({ kind: 'collision-dump' });
      });
    });
  }

  #release(channel: Channel): void {
    this.forget(channel);
    channel.takeOpen();
  }
}

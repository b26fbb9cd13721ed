import { u16, u8 } from '@calico-node/bgp';
import { lengthIn } from './routes.ts';

/**
 * What a receiver has been told: one octet per /24, so that counting half a million routes costs a few
 * milliseconds. A prefix that nobody sent, or one of another length, makes the run void.
 */
export class RoutingView {
  readonly #lengths = new Uint8Array(1 << 24);
  readonly #ownFrom: number;
  readonly #ownTo: number;
  #count = 0;
  updates = 0;

  /** @param own blocks that the receiver itself announces, a run of them: some daemons tell them back. */
  constructor(own: Uint32Array) {
    this.#ownFrom = own.length === 0 ? Infinity : Math.min(...own);
    this.#ownTo = Math.max(-1, ...own);
  }

  get count(): number {
    return this.#count;
  }

  has(block: number): boolean {
    return u8(this.#lengths, block) !== 0;
  }

  /** The body of an UPDATE for IPv4 unicast. @throws Error when it tells of what was not sent. */
  update(bytes: Uint8Array, start: number, end: number): void {
    this.updates++;
    const withdrawnEnd = start + 2 + u16(bytes, start);
    for (let at = start + 2; at < withdrawnEnd;) at = this.#prefix(bytes, at, false);
    for (let at = withdrawnEnd + 2 + u16(bytes, withdrawnEnd); at < end;) at = this.#prefix(bytes, at, true);
  }

  #prefix(bytes: Uint8Array, at: number, isThere: boolean): number {
    const length = u8(bytes, at);
    const block = (u16(bytes, at + 1) << 8) | u8(bytes, at + 3);
    if (length !== lengthIn(block)) throw new Error(`a prefix that was not sent: block ${block}, length ${length}`);
    const isOwn = block >= this.#ownFrom && block <= this.#ownTo;
    if (!isOwn && isThere !== (this.#lengths[block] !== 0)) {
      this.#count += isThere ? 1 : -1;
      this.#lengths[block] = isThere ? length : 0;
    }
    return at + 1 + ((length + 7) >> 3);
  }
}

/** Messages of gRPC over HTTP/2: a flag for compression, a length in four octets, the message. */
import { RpcError } from '../errors.ts';

/** The flag and the length. */
export const headLength = 5;

export function encodeMessage(message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(headLength + message.length);
  bytes[0] = 0;
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, headLength);
  return bytes;
}

/** Puts messages together from data as it comes. */
export class MessageReader {
  readonly #maxLength: number;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(maxLength = Infinity) {
    this.#maxLength = maxLength;
  }

  /** Whether a message has begun and is not whole. */
  get isOpen(): boolean {
    return this.#length > 0;
  }

  /** Hands over the messages that these bytes complete. @throws RpcError for one that is compressed or too long. */
  push(bytes: Buffer, take: (message: Buffer) => void): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    while (this.#length >= headLength) {
      const head = this.#joined(headLength);
      if (head[0] !== 0) throw new RpcError('UNIMPLEMENTED', 'a compressed message, which was not asked for');
      const whole = headLength + head.readUInt32BE(1);
      if (whole - headLength > this.#maxLength) {
        throw new RpcError('RESOURCE_EXHAUSTED', `a message of ${whole - headLength} bytes; ${this.#maxLength} may be`);
      }
      if (this.#length < whole) return;
      const all = this.#joined(whole);
      this.#length -= whole;
      this.#parts = this.#length === 0 ? [] : [all.subarray(whole)];
      take(all.subarray(headLength, whole));
    }
  }

  /** The first part, with as many bytes at least. */
  #joined(length: number): Buffer {
    const [first] = this.#parts;
    if (first !== undefined && first.length >= length) return first;
    const all = Buffer.concat(this.#parts);
    this.#parts = [all];
    return all;
  }
}

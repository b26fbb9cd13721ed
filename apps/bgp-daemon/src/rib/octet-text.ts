/**
 * Memory between octets and the strings that stand for them, a character per octet: such a string costs
 * less than an array, and is a key of maps.
 */
export class OctetText {
  #buffer: Buffer = Buffer.allocUnsafeSlow(1024);
  /** The octets, not as a `Buffer`: code that takes plain arrays stays fast when it meets nothing else. */
  #bytes = new Uint8Array(this.#buffer.buffer);

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Puts a string's octets at the start; gives their number. */
  write(text: string): number {
    this.reserve(text.length);
    return this.#buffer.write(text, 0, 'latin1');
  }

  /** The string for the first octets. */
  read(length: number): string {
    return this.#buffer.toString('latin1', 0, length);
  }

  /** Makes room; the octets are lost. */
  reserve(size: number): void {
    if (size <= this.#buffer.length) return;
    this.#buffer = Buffer.allocUnsafeSlow(2 * size);
    this.#bytes = new Uint8Array(this.#buffer.buffer);
  }
}

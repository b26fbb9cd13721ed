const pieceBits = 12;
const pieceLength = 1 << pieceBits;

/** A long list of objects by number, in pieces, so that it grows without a copy. What was never set is undefined. */
export class SlotList<T extends object> {
  readonly #pieces: (T | undefined)[][] = [];

  at(slot: number): T | undefined {
    return this.#pieces[slot >> pieceBits]?.[slot & (pieceLength - 1)];
  }

  set(slot: number, value: T | undefined): void {
    const index = slot >> pieceBits;
    while (this.#pieces.length <= index) this.#pieces.push(new Array<T | undefined>(pieceLength).fill(undefined));
    const piece = this.#pieces[index];
    if (piece !== undefined) piece[slot & (pieceLength - 1)] = value;
  }
}

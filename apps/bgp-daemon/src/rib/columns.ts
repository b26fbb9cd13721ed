/** The next size of a column that has to hold `least` entries. */
export function grownCapacity(capacity: number, least: number): number {
  return Math.max(least, capacity * 2);
}

/** The column made longer; the new entries are zero. What it was before is given back at once: no view of it is valid. */
export function grown<T extends Int32Array | Uint32Array | Uint16Array | Uint8Array>(column: T, capacity: number): T {
  const make = column.constructor as new (buffer: ArrayBuffer) => T;
  return new make((column.buffer as ArrayBuffer).transfer(capacity * column.BYTES_PER_ELEMENT));
}

/** A list of small numbers without an object per entry. */
export class IntList {
  #data = new Int32Array(64);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#data.length) {
      // A copy: there may be views of it.
      const longer = new Int32Array(grownCapacity(this.#data.length, this.#length + 1));
      longer.set(this.#data);
      this.#data = longer;
    }
    this.#data[this.#length++] = value;
  }

  /** The last entry, or -1. */
  pop(): number {
    return this.#length === 0 ? -1 : (this.#data[--this.#length] ?? -1);
  }

  at(index: number): number {
    return this.#data[index] ?? -1;
  }

  /** A view of a part; valid as long as the list is only pushed to. */
  view(start: number, end: number): Int32Array {
    return this.#data.subarray(start, Math.min(end, this.#length));
  }

  clear(): void {
    this.#length = 0;
    // What was a large list once need not stay one.
    if (this.#data.length > 1 << 16) this.#data = new Int32Array(64);
  }
}

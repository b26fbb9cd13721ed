/** A growing array of 32-bit integers without an object per entry; entries never set read as `initial`. */
export class IntColumn {
  readonly #initial: number;
  #data: Int32Array;

  constructor(initial: number, capacity = 64) {
    this.#initial = initial;
    this.#data = new Int32Array(capacity).fill(initial);
  }

  get(index: number): number {
    return this.#data[index] ?? this.#initial;
  }

  set(index: number, value: number): void {
    if (index >= this.#data.length) this.#grow(index + 1);
    this.#data[index] = value;
  }

  #grow(least: number): void {
    const grown = new Int32Array(Math.max(least, this.#data.length * 2)).fill(this.#initial, this.#data.length);
    grown.set(this.#data);
    this.#data = grown;
  }
}

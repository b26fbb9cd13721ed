/*
 * The random numbers of Go's math/rand with a given seed, so that a host walks a pool's blocks in the same order as
 * real Calico on it: an additive lagged Fibonacci generator, y(n) = y(n - 607) + y(n - 273) modulo 2^64, whose first
 * state is a Lehmer sequence of the seed combined with a fixed one.
 */
import { cookedState } from './cooked-state.ts';

/** How many words of state the generator has, and how far back its second term lies. */
export const stateLength = 607;
export const tapDistance = 273;

const lehmerMultiplier = 48271;
const lehmerModulus = 2147483647;

/** A state from a seed: for each word three numbers of the Lehmer sequence, after twenty that are thrown away. */
export function lehmerState(seed: number, shift: bigint): BigUint64Array {
  let x = seed;
  const next = (): bigint => BigInt((x = (lehmerMultiplier * x) % lehmerModulus));
  for (let skipped = 0; skipped < 20; skipped++) next();
  return BigUint64Array.from({ length: stateLength }, () => (next() << (2n * shift)) ^ (next() << shift) ^ next());
}

/** The seed as the Lehmer sequence takes it: 1 to 2^31 - 2. */
function lehmerSeed(seed: bigint): number {
  const remainder = Number(seed % BigInt(lehmerModulus));
  const positive = remainder < 0 ? remainder + lehmerModulus : remainder;
  return positive === 0 ? 89482311 : positive;
}

export class GoRandom {
  readonly #state: BigUint64Array;
  #tap = 0;
  #feed = stateLength - tapDistance;

  constructor(seed: bigint) {
    this.#state = lehmerState(lehmerSeed(seed), 20n);
    const cooked = Buffer.from(cookedState, 'base64');
    for (const index of this.#state.keys()) {
      this.#state[index] = (this.#state[index] ?? 0n) ^ cooked.readBigUInt64LE(index * 8);
    }
  }

  #uint64(): bigint {
    this.#tap = (this.#tap + stateLength - 1) % stateLength;
    this.#feed = (this.#feed + stateLength - 1) % stateLength;
    const sum = BigInt.asUintN(64, (this.#state[this.#feed] ?? 0n) + (this.#state[this.#tap] ?? 0n));
    this.#state[this.#feed] = sum;
    return sum;
  }

  /** As Go's `Uint32`: the upper half of a 63-bit number. */
  uint32(): bigint {
    return BigInt.asUintN(63, this.#uint64()) >> 31n;
  }

  /** A number from 0 to `limit` - 1, as Go's `big.Int.Rand`: whole words until one is small enough. */
  below(limit: bigint): bigint {
    const bits = limit.toString(2).length;
    const words = Math.ceil(bits / 64);
    for (;;) {
      let value = 0n;
      for (let word = 0; word < words; word++) {
        value |= (this.uint32() | (this.uint32() << 32n)) << BigInt(64 * word);
      }
      const drawn = BigInt.asUintN(bits, value);
      if (drawn < limit) return drawn;
    }
  }
}

/*
 * Where the state that Go mixes into every seed comes from: its additive generator, seeded plainly with 1 and run
 * 7.8e12 steps ahead (Go's documented construction). Nobody runs that many steps: the generator is linear, so its
 * state after N steps is x^N modulo its characteristic polynomial, applied to the first state.
 */

import { describe, expect, it } from 'vitest';
import { cookedState } from './cooked-state.ts';
import { lehmerState, stateLength as length, tapDistance as tap } from './go-random.ts';

const steps = 7_800_000_000_000n;
const mask = (1n << 64n) - 1n;

/** Polynomials as lists of coefficients, lowest first; multiplied as one large number with room in each slot. */
const slotDigits = 36; // 607 products of 128 bits need 138 bits

function packed(coefficients: readonly bigint[]): bigint {
  const digits = coefficients.toReversed().map((value) => value.toString(16).padStart(slotDigits, '0'));
  return BigInt(`0x${digits.join('')}`);
}

function unpacked(value: bigint, count: number): bigint[] {
  const digits = value.toString(16).padStart(count * slotDigits, '0');
  return Array.from({ length: count }, (_, slot) => {
    const end = digits.length - slot * slotDigits;
    return BigInt(`0x${digits.slice(end - slotDigits, end)}`) & mask;
  });
}

/** x^607 = x^334 + 1. */
function reduced(coefficients: bigint[]): bigint[] {
  for (let power = coefficients.length - 1; power >= length; power--) {
    const value = coefficients[power] ?? 0n;
    for (const lower of [power - tap, power - length])
      coefficients[lower] = ((coefficients[lower] ?? 0n) + value) & mask;
  }
  return coefficients.slice(0, length);
}

function timesX(polynomial: readonly bigint[]): bigint[] {
  return reduced([0n, ...polynomial]);
}

function squared(polynomial: readonly bigint[]): bigint[] {
  const number = packed(polynomial);
  return reduced(unpacked(number * number, 2 * length - 1));
}

/** The words of Go's table, by their index. */
function computeCookedState(): bigint[] {
  const initial = lehmerState(1, 10n);
  // What step -j would have left (j = 0 for the last before the first step) lies at index (334 + j) mod 607.
  const history = Array.from({ length }, (_, index) => initial[(length - tap + (length - 1 - index)) % length] ?? 0n);
  let power: bigint[] = Array.from({ length }, (_, index) => (index === 0 ? 1n : 0n));
  for (const bit of steps.toString(2)) {
    power = squared(power);
    if (bit === '1') power = timesX(power);
  }
  const state = new Array<bigint>(length).fill(0n);
  for (let step = steps - BigInt(length - 1); step <= steps; step++) {
    const value = power.reduce((sum, coefficient, index) => sum + coefficient * (history[index] ?? 0n), 0n);
    const index = (BigInt(length - tap) - step) % BigInt(length);
    state[Number(index < 0n ? index + BigInt(length) : index)] = value & mask;
    power = timesX(power);
  }
  return state;
}

describe("Go's fixed state", () => {
  it('is what its generator comes to', () => {
    const stored = Buffer.from(cookedState, 'base64');
    expect(stored.length).toBe(8 * length);
    expect(computeCookedState()).toEqual(Array.from({ length }, (_, index) => stored.readBigUInt64LE(8 * index)));
  });
});

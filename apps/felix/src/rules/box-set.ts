import { addressBits, ipToBigInt, lastIp, splitCidr } from '@calico-node/net';
import type { Box } from './key-box.ts';
import type { KeyPart } from './model.ts';

/** From first to last, field by field. */
type Ranges = readonly (readonly [bigint | number, bigint | number])[];

/** Boxes of the same fields, none of which has a packet in common with another. */
export class BoxSet {
  readonly #exact = new Set<string>();
  readonly #exactRanges: Ranges[] = [];
  readonly #wide: Ranges[] = [];

  /** Whether the box is disjoint from all that are in, or all its packets are in one, or only some. */
  test(box: Box): 'disjoint' | 'covered' | 'overlapping' {
    const ranges = box.map(rangeOf);
    const isExact = isPoint(ranges);
    if (isExact && this.#exact.has(keyOf(ranges))) return 'covered';
    for (const other of this.#wide) {
      if (!overlaps(ranges, other)) continue;
      return ranges.every(([first, last], index) => isWithin(first, last, other[index])) ? 'covered' : 'overlapping';
    }
    const meetsExact = !isExact && this.#exactRanges.some((other) => overlaps(ranges, other));
    return meetsExact ? 'overlapping' : 'disjoint';
  }

  /** Adds a disjoint box. */
  add(box: Box): void {
    const ranges = box.map(rangeOf);
    if (!isPoint(ranges)) {
      this.#wide.push(ranges);
      return;
    }
    this.#exact.add(keyOf(ranges));
    this.#exactRanges.push(ranges);
  }
}

function isPoint(ranges: Ranges): boolean {
  return ranges.every(([first, last]) => first === last);
}

function keyOf(ranges: Ranges): string {
  return ranges.map(([first]) => first).join();
}

function isWithin(first: bigint | number, last: bigint | number, outer: Ranges[number] | undefined): boolean {
  return outer !== undefined && outer[0] <= first && last <= outer[1];
}

function overlaps(a: Ranges, b: Ranges): boolean {
  return a.every(([first, last], index) => {
    const other = b[index];
    return other !== undefined && first <= other[1] && other[0] <= last;
  });
}

/** Addresses of IPv4 as numbers, which compare faster. */
function rangeOf(part: KeyPart): Ranges[number] {
  switch (part.kind) {
    case 'protocol':
      return [part.protocol, part.protocol];
    case 'ports':
      return [part.first, part.last];
    case 'net': {
      const { ip, family } = splitCidr(part.cidr);
      const ends = [ipToBigInt(ip), ipToBigInt(lastIp(part.cidr))] as const;
      return addressBits(family) === 32 ? [Number(ends[0]), Number(ends[1])] : ends;
    }
  }
}

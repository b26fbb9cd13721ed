/**
 * Numbers for the interfaces of endpoints, as bits of a packet's mark: what the packet came in by is told by them where
 * the kernel does not know it any more. After `felix/rules/epmark.go`; which number an interface gets is our own affair.
 */

/** The bits' lowest alone: what came in by no endpoint's interface. */
export function markOfOthers(bits: number): number {
  return (bits & -bits) >>> 0;
}

/**
 * A mark within the bits for each name, no two alike, none nought or that of others. It depends on the names alone, not
 * on the order in which they came; another name changes few. Those that the bits have no number for have none.
 */
export function endpointMarks(names: Iterable<string>, bits: number): ReadonlyMap<string, number> {
  const positions = Array.from({ length: 32 }, (_, index) => 2 ** index).filter((bit) => (bits & bit) !== 0);
  const count = 2 ** positions.length - 2;
  const taken = new Set<number>();
  const marks = new Map<string, number>();
  for (const name of [...names].sort().slice(0, count)) {
    let number = hashOf(name) % count;
    while (taken.has(number)) number = (number + 1) % count;
    taken.add(number);
    // 0 is no mark, 1 that of others.
    marks.set(name, spread(number + 2, positions));
  }
  return marks;
}

/** The number's bits at those positions, the lowest first. */
function spread(number: number, positions: readonly number[]): number {
  return positions.reduce((mark, bit, index) => ((number & (2 ** index)) === 0 ? mark : mark | bit), 0) >>> 0;
}

/** FNV-1a of 32 bits, over the characters. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

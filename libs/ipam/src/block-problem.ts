import type { AllocationBlock } from '@calico-node/model';
import { cidrSize } from '@calico-node/net';

/**
 * Why a block's tables do not agree with one another, in words; nothing for a sound block. `now` is in
 * milliseconds since 1970.
 */
export function blockProblem(block: AllocationBlock, now: number): string | undefined {
  const { allocations, unallocated } = block;
  const attributes = block.attributes ?? [];
  const size = Number(cidrSize(block.cidr));
  if (allocations.length !== size) return `expected ${size} allocations, but there are ${allocations.length}`;
  const stray = allocations.findIndex((index) => index !== null && index >= attributes.length);
  if (stray >= 0) return `allocation ${stray} indexes a nonexistent attribute ${String(allocations[stray])}`;
  const used = new Set(allocations);
  for (const [index, { releasedAt }] of attributes.entries()) {
    if (!used.has(index)) return `attribute index ${index} exists but is not indexed by an allocation`;
    if (releasedAt !== undefined && Date.parse(releasedAt) > now) {
      return `attribute index ${index} has releasedAt in the future, suggesting clock skew`;
    }
  }
  const free = new Set<number>();
  for (const ordinal of unallocated) {
    if (ordinal >= size) return `ordinal ${ordinal} is unallocated but out of the block`;
    if (free.has(ordinal)) return `ordinal ${ordinal} appears more than once in Unallocated array`;
    if (allocations[ordinal] !== null) return `ordinal ${ordinal} is allocated but appears in Unallocated`;
    free.add(ordinal);
  }
  const given = allocations.filter((index) => index !== null).length;
  if (free.size + given === size) return undefined;
  return `expected ${size} addresses in this block, but Unallocated (${free.size}) + Allocated (${given}) = ${free.size + given}`;
}

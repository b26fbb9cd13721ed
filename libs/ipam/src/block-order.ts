import { addToIp, cidrOf, cidrSize, splitCidr, type Cidr } from '@calico-node/net';

const fnvOffset = 2166136261;
const fnvPrime = 16777619;

/** FNV-1 (not 1a), 32 bits, as Calico seeds the walk with the host's name. */
export function fnv1(text: string): number {
  let hash = fnvOffset;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash, fnvPrime) ^ byte;
  }
  return hash >>> 0;
}

/** Spreads a seed over 64 bits (the finalizer of splitmix64), so that near names start far apart. */
function spread(seed: bigint): bigint {
  const mask = (1n << 64n) - 1n;
  let mixed = (seed + 0x9e3779b97f4a7c15n) & mask;
  mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
  mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & mask;
  return mixed ^ (mixed >> 31n);
}

/** How many blocks of a size a pool has; none when a block is larger than the pool. */
export function blockCount(pool: Cidr, blockSize: number): bigint {
  const { prefixLength } = splitCidr(pool);
  return blockSize < prefixLength ? 0n : 1n << BigInt(blockSize - prefixLength);
}

/**
 * Every block of a pool once, from a start that depends on the host's name, wrapping around, so that
 * hosts seldom meet. Real Calico walks the same way from another start (Go's generator seeded with the
 * same {@link fnv1}); any walk over every block works together with any other (Calico's documented behaviour).
 */
export function* blocksInOrder(pool: Cidr, blockSize: number, hostname: string): Generator<Cidr> {
  const count = blockCount(pool, blockSize);
  if (count === 0n) return;
  const { ip } = splitCidr(pool);
  const size = cidrSize(cidrOf(ip, blockSize));
  const start = spread(BigInt(fnv1(hostname))) % count;
  for (let index = 0n; index < count; index++) {
    yield cidrOf(addToIp(ip, ((start + index) % count) * size), blockSize);
  }
}

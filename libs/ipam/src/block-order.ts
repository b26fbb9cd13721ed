import { addressBits, addToIp, cidrOf, ipToBigInt, lastIp, splitCidr, type Cidr } from '@calico-node/net';
import type { Clock } from './clock.ts';
import { GoRandom } from './go-random/go-random.ts';

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

/** What of a pool its blocks follow from. */
export interface BlockSpace {
  readonly cidr: Cidr;
  /** The prefix length of its blocks. */
  readonly blockSize: number;
}

/** How many blocks a pool has; none when a block is larger than the pool. */
export function blockCount({ cidr, blockSize }: BlockSpace): bigint {
  const { prefixLength } = splitCidr(cidr);
  return blockSize < prefixLength ? 0n : 1n << BigInt(blockSize - prefixLength);
}

/** The order in which a host looks through a pool's blocks. */
export class BlockWalk {
  readonly #first: bigint;
  readonly #size: bigint;
  readonly #blockSize: number;
  readonly #cidr: Cidr;
  readonly #count: bigint;
  readonly #start: bigint;

  /**
   * A walk over every block once, from a start that depends on the host's name alone, so that hosts seldom meet:
   * the same as real Calico's on that host. Blocks of one address need no host: their start depends on the time.
   */
  constructor(pool: BlockSpace, hostname: string, clock: Pick<Clock, 'nanoseconds'>) {
    const { ip, family } = splitCidr(pool.cidr);
    this.#cidr = pool.cidr;
    this.#blockSize = pool.blockSize;
    this.#first = ipToBigInt(ip);
    this.#size = 1n << BigInt(addressBits(family) - pool.blockSize);
    this.#count = blockCount(pool);
    const seed = this.#size === 1n ? clock.nanoseconds() : BigInt(fnv1(hostname));
    this.#start = this.#count === 0n ? 0n : new GoRandom(seed).below(this.#count);
  }

  /**
   * The blocks in the walk's order. Those that lie in a network which `leaveOut` gives for one of them are left out,
   * all at once, however large it is.
   */
  *blocks(leaveOut: (block: Cidr) => Cidr | undefined = () => undefined): Generator<Cidr> {
    const { ip } = splitCidr(this.#cidr);
    for (let done = 0n; done < this.#count;) {
      const index = (this.#start + done) % this.#count;
      const block = cidrOf(addToIp(ip, index * this.#size), this.#blockSize);
      const left = leaveOut(block);
      if (left === undefined) {
        yield block;
        done++;
      } else {
        const last = (ipToBigInt(lastIp(left)) - this.#first) / this.#size;
        done += (last < this.#count ? last : this.#count - 1n) - index + 1n;
      }
    }
  }

  /** Those of some blocks that are the pool's, in the walk's order. */
  inOrder(blocks: Iterable<Cidr>): Cidr[] {
    const places: { readonly block: Cidr; readonly place: bigint }[] = [];
    for (const block of blocks) {
      const { ip, prefixLength, family } = splitCidr(block);
      const index = (ipToBigInt(ip) - this.#first) / this.#size;
      if (family !== splitCidr(this.#cidr).family || prefixLength !== this.#blockSize) continue;
      if (ipToBigInt(ip) < this.#first || index >= this.#count) continue;
      places.push({ block, place: (index - this.#start + this.#count) % this.#count });
    }
    return places.sort((a, b) => (a.place < b.place ? -1 : 1)).map(({ block }) => block);
  }
}

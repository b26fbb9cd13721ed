/**
 * XXH3, 64 bits, seed 0, of short inputs: the hash that Calico's Felix places nodes and addresses on its ring with, so
 * that all nodes of a cluster, ours and Calico's, choose the same one (xxHash specification, section XXH3).
 */
const MASK = (1n << 64n) - 1n;
const PRIME32 = [0x9e3779b1n, 0x85ebca77n, 0xc2b2ae3dn] as const;
const PRIME64 = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
] as const;
const MIX1 = 0x165667919e3779f9n;
const MIX2 = 0x9fb21c651e98df25n;

const secret = Buffer.from(
  'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248e' +
    'e03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d' +
    '8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc' +
    '8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e',
  'hex',
);

const LONGEST = 1024;

/** Throws RangeError for more than 1,024 bytes. */
export function xxh3(bytes: Uint8Array): bigint {
  const input = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const { length } = input;
  if (length > LONGEST) throw new RangeError(`${length} bytes are too many: ${LONGEST} at most`);
  if (length === 0) return avalanche64(secretAt(56) ^ secretAt(64));
  if (length <= 3) return ofUpTo3(input);
  if (length <= 8) return ofUpTo8(input);
  if (length <= 16) return ofUpTo16(input);
  if (length <= 128) return ofUpTo128(input);
  return length <= 240 ? ofUpTo240(input) : ofLong(input);
}

function ofUpTo3(input: Buffer): bigint {
  const { length } = input;
  const at = (index: number): number => input.readUInt8(index);
  const combined = ((at(0) << 16) | (at(length >> 1) << 24) | at(length - 1) | (length << 8)) >>> 0;
  return avalanche64(BigInt(combined) ^ BigInt(secret.readUInt32LE(0)) ^ BigInt(secret.readUInt32LE(4)));
}

function ofUpTo8(input: Buffer): bigint {
  const { length } = input;
  const low = BigInt(input.readUInt32LE(length - 4));
  const high = BigInt(input.readUInt32LE(0));
  let hash = (low + (high << 32n)) ^ secretAt(8) ^ secretAt(16);
  hash ^= rotated(hash, 49n) ^ rotated(hash, 24n);
  hash = (hash * MIX2) & MASK;
  hash ^= (hash >> 35n) + BigInt(length);
  hash = (hash * MIX2) & MASK;
  return hash ^ (hash >> 28n);
}

function ofUpTo16(input: Buffer): bigint {
  const { length } = input;
  const low = input.readBigUInt64LE(0) ^ secretAt(24) ^ secretAt(32);
  const high = input.readBigUInt64LE(length - 8) ^ secretAt(40) ^ secretAt(48);
  return avalanche((BigInt(length) + swapped(low) + high + folded(low, high)) & MASK);
}

function ofUpTo128(input: Buffer): bigint {
  const { length } = input;
  let sum = BigInt(length) * PRIME64[0];
  for (let pair = (length - 1) >> 5; pair >= 0; pair -= 1) {
    sum += mixed(input, 16 * pair, 32 * pair);
    sum += mixed(input, length - 16 * (pair + 1), 32 * pair + 16);
  }
  return avalanche(sum & MASK);
}

function ofUpTo240(input: Buffer): bigint {
  const { length } = input;
  const rounds = length >> 4;
  let sum = BigInt(length) * PRIME64[0];
  for (let round = 0; round < 8; round += 1) sum += mixed(input, 16 * round, 16 * round);
  sum = avalanche(sum & MASK);
  for (let round = 8; round < rounds; round += 1) sum += mixed(input, 16 * round, 16 * (round - 8) + 3);
  sum += mixed(input, length - 16, 136 - 17);
  return avalanche(sum & MASK);
}

function ofLong(input: Buffer): bigint {
  const { length } = input;
  const lanes: bigint[] = [
    PRIME32[2],
    PRIME64[0],
    PRIME64[1],
    PRIME64[2],
    PRIME64[3],
    PRIME32[1],
    PRIME64[4],
    PRIME32[0],
  ];
  const stripes = (length - 1) >> 6;
  for (let stripe = 0; stripe < stripes; stripe += 1) accumulate(lanes, input, stripe * 64, stripe * 8);
  accumulate(lanes, input, length - 64, secret.length - 64 - 7);
  let sum = BigInt(length) * PRIME64[0];
  for (let lane = 0; lane < 8; lane += 2) {
    sum += folded((lanes[lane] ?? 0n) ^ secretAt(11 + 8 * lane), (lanes[lane + 1] ?? 0n) ^ secretAt(19 + 8 * lane));
  }
  return avalanche(sum & MASK);
}

function accumulate(lanes: bigint[], input: Buffer, offset: number, secretOffset: number): void {
  for (let lane = 0; lane < 8; lane += 1) {
    const data = input.readBigUInt64LE(offset + 8 * lane);
    const keyed = data ^ secretAt(secretOffset + 8 * lane);
    lanes[lane ^ 1] = ((lanes[lane ^ 1] ?? 0n) + data) & MASK;
    lanes[lane] = ((lanes[lane] ?? 0n) + (keyed & 0xffffffffn) * (keyed >> 32n)) & MASK;
  }
}

function mixed(input: Buffer, offset: number, secretOffset: number): bigint {
  const low = input.readBigUInt64LE(offset) ^ secretAt(secretOffset);
  const high = input.readBigUInt64LE(offset + 8) ^ secretAt(secretOffset + 8);
  return folded(low, high);
}

function secretAt(offset: number): bigint {
  return secret.readBigUInt64LE(offset);
}

/** The two halves of the product, one laid over the other. */
function folded(a: bigint, b: bigint): bigint {
  const product = a * b;
  return (product & MASK) ^ (product >> 64n);
}

function rotated(value: bigint, bits: bigint): bigint {
  return ((value << bits) | (value >> (64n - bits))) & MASK;
}

function swapped(value: bigint): bigint {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes.readBigUInt64BE();
}

function avalanche(value: bigint): bigint {
  let hash = value ^ (value >> 37n);
  hash = (hash * MIX1) & MASK;
  return hash ^ (hash >> 32n);
}

/** That of XXH64. */
function avalanche64(value: bigint): bigint {
  let hash = value ^ (value >> 33n);
  hash = (hash * PRIME64[1]) & MASK;
  hash ^= hash >> 29n;
  hash = (hash * PRIME64[2]) & MASK;
  return hash ^ (hash >> 32n);
}

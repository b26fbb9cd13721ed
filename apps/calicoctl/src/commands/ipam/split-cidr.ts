import { addressBits, addToIp, cidrOf, splitCidr, type Cidr } from '@calico-node/net';

/**
 * A network cut into parts of equal size, in address order.
 * @throws RangeError unless `parts` is a power of two greater than one, and the network large enough.
 */
export function splitNetwork(cidr: Cidr, parts: number): readonly Cidr[] {
  const power = Math.log2(parts);
  if (!Number.isInteger(power) || power < 1) {
    throw new RangeError(`number to split CIDR into is not a valid power of 2: ${parts}`);
  }
  const { ip, prefixLength, family } = splitCidr(cidr);
  const length = prefixLength + power;
  if (length > addressBits(family))
    throw new RangeError(`the CIDR ${cidr} is not large enough to be split into ${parts} parts`);
  const step = 1n << BigInt(addressBits(family) - length);
  return Array.from({ length: parts }, (_, index) => cidrOf(addToIp(ip, step * BigInt(index)), length));
}

const MAX_NAME_LENGTH = 253;
const KEPT_OF_LONG_NAME = 245;

/** The name of a part of a split pool. */
export function splitPoolName(name: string, index: number): string {
  const full = `split-${name}-${index}`;
  return full.length > MAX_NAME_LENGTH ? `split-${name.slice(0, KEPT_OF_LONG_NAME)}-${index}` : full;
}

import { cidrContains, familyOf, splitCidr, type Cidr, type Family } from '@calico-node/net';

/** What policy asks of a prefix. A routing table answers from its own form of it, without making a text. */
export interface PrefixView {
  readonly family: Family;
  readonly length: number;
  /** Whether the prefix is the network or lies inside it. */
  isIn(network: Cidr): boolean;
}

/** A prefix in its textual form, as policy sees it. */
export function prefixViewOf(prefix: Cidr): PrefixView {
  return {
    family: familyOf(prefix),
    length: splitCidr(prefix).prefixLength,
    isIn: (network) => cidrContains(network, prefix),
  };
}

/** The bits of a packet's mark that Felix uses, each a single bit within the configured mask. */
export interface MarkBits {
  /** A policy or profile has allowed the packet. */
  readonly accept: number;
  /** A policy has passed the packet to the next tier. */
  readonly pass: number;
  /** A rule denies the packet, which is told of before it is dropped: with flow logs alone. */
  readonly drop: number;
  readonly scratch0: number;
  readonly scratch1: number;
  /** What WireGuard devices have sent themselves, and must not be sent through them again. Only where there are some. */
  readonly wireguard?: number;
}

/** The bits that say what has been decided of a packet so far. */
export function decisionMarks({ accept, pass, drop, scratch0, scratch1 }: MarkBits): number {
  return accept | pass | drop | scratch0 | scratch1;
}

/** The mask has too few bits for Felix to work with. */
export class MarkMaskError extends Error {
  override readonly name = 'MarkMaskError';
  readonly code = 'mark-mask-too-small';
  readonly hint =
    'IptablesMarkMask or NftablesMarkMask needs at least 5 bits that nothing else on the host uses, one more with ' +
    "WireGuard, two more beside kube-proxy's IPVS mode";

  readonly mask: number;

  constructor(mask: number) {
    super(`mark mask 0x${mask.toString(16)} has too few bits`);
    this.mask = mask;
  }
}

/**
 * Hands out the lowest bits of the mask in Calico's order: accept, pass, drop, scratch0, scratch1
 * (`felix/dataplane/driver.go`), then one for WireGuard if it is in use. Throws `MarkMaskError` when the mask has too few.
 */
export function allocateMarks(mask: number, usesWireguard = false): MarkBits {
  const bits = Array.from({ length: 32 }, (_, index) => 2 ** index).filter((bit) => (mask & bit) !== 0);
  const [accept, pass, drop, scratch0, scratch1, wireguard] = bits;
  if (
    accept === undefined ||
    pass === undefined ||
    drop === undefined ||
    scratch0 === undefined ||
    scratch1 === undefined ||
    (usesWireguard && wireguard === undefined)
  ) {
    throw new MarkMaskError(mask);
  }
  const all = { accept, pass, drop, scratch0, scratch1 };
  return usesWireguard && wireguard !== undefined ? { ...all, wireguard } : all;
}

/**
 * What is left of the mask for numbers of endpoints, which is what Calico's endpoint marks are made from
 * (`felix/markbits`). Throws `MarkMaskError` where that is not two bits: one number is for what is no endpoint's.
 */
export function endpointMarkBits(mask: number, marks: MarkBits): number {
  const left = Object.values<number>({ ...marks }).reduce((rest, bit) => (rest & ~bit) >>> 0, mask >>> 0);
  if ((left & (left - 1)) === 0) throw new MarkMaskError(mask);
  return left;
}

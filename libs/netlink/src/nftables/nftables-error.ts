import type { NetlinkError } from '../netlink-error.ts';

/** One change of a refused transaction. */
export interface RefusedChange {
  /** Which of the transaction's changes it was; `undefined` when the kernel blames the whole. */
  readonly index: number | undefined;
  readonly error: NetlinkError;
}

/** The kernel refused a transaction; nothing of it was done. */
export class NftablesError extends Error {
  override readonly name = 'NftablesError';
  readonly code: NetlinkError['code'];
  readonly refused: readonly RefusedChange[];

  /** @param refused what the kernel objects to, at least one. */
  constructor(refused: readonly [RefusedChange, ...RefusedChange[]]) {
    const [first, ...rest] = refused;
    const more = rest.length === 0 ? '' : ` (and ${rest.length} more)`;
    super(`nf_tables refused the transaction: ${first.error.message}${more}`, { cause: first.error });
    this.code = first.error.code;
    this.refused = refused;
  }
}

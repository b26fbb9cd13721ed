import type { NetlinkError } from '../netlink-error.ts';
import { ipsetError } from './numbers.ts';

/** The kernel refused a change of a set. What came before it in the same call has been done. */
export class IpsetError extends Error {
  override readonly name = 'IpsetError';
  /** The positive errno, or one of ipset's own numbers from 4096 up. */
  readonly errno: number;

  constructor(cause: NetlinkError) {
    const explanation = ipsetError.get(cause.errno);
    super(explanation === undefined ? cause.message : `${cause.message}: ${explanation}`, { cause });
    this.errno = cause.errno;
  }
}

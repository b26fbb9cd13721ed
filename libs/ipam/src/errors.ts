/**
 * Why addresses could not be given or taken back.
 * - `no-pool`: no enabled pool serves this node, namespace and use.
 * - `pool-full`: the pools have no address left that the node may use.
 * - `block-limit`: the node holds as many blocks as it may.
 * - `already-assigned`: the address belongs to somebody else.
 * - `not-assigned`: the address or handle holds nothing.
 * - `strict-affinity`: the block belongs to another node, and borrowing is off.
 * - `handle-limit`: the handle may hold no more addresses.
 * - `bad-handle`, `bad-sequence-number`: the address was since given to another owner.
 * - `block-claimed`, `block-not-empty`: the affinity is another node's, or still in use.
 * - `contention`: others changed the same objects a hundred times in a row.
 * - `node-unknown`: the node has no Node resource.
 * - `invalid`: the request itself is wrong.
 */
export type IpamErrorCode =
  | 'no-pool'
  | 'pool-full'
  | 'block-limit'
  | 'already-assigned'
  | 'not-assigned'
  | 'strict-affinity'
  | 'handle-limit'
  | 'bad-handle'
  | 'bad-sequence-number'
  | 'block-claimed'
  | 'block-not-empty'
  | 'contention'
  | 'node-unknown'
  | 'invalid';

/** An IPAM operation that was refused. What the store itself refuses comes as `DatastoreError`. */
export class IpamError extends Error {
  override readonly name = 'IpamError';
  readonly code: IpamErrorCode;

  constructor(code: IpamErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Whether a value is an {@link IpamError}, optionally with one of the given codes. */
export function isIpamError(value: unknown, ...codes: readonly IpamErrorCode[]): value is IpamError {
  return value instanceof IpamError && (codes.length === 0 || codes.includes(value.code));
}

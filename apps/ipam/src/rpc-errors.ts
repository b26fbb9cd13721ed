import { isDatastoreError } from '@calico-node/datastore';
import { isIpamError, type IpamErrorCode } from '@calico-node/ipam';
import { NetParseError } from '@calico-node/net';
import { isRpcError, RpcError, type RpcCode } from '@calico-node/rpc';
import { AbandonedError, QueueFullError } from './work-queue.ts';

const codes: Readonly<Record<IpamErrorCode, RpcCode>> = {
  'no-pool': 'FAILED_PRECONDITION',
  'pool-full': 'FAILED_PRECONDITION',
  'block-limit': 'FAILED_PRECONDITION',
  'node-unknown': 'FAILED_PRECONDITION',
  'strict-affinity': 'FAILED_PRECONDITION',
  'handle-limit': 'FAILED_PRECONDITION',
  'bad-handle': 'FAILED_PRECONDITION',
  'bad-sequence-number': 'FAILED_PRECONDITION',
  'block-claimed': 'FAILED_PRECONDITION',
  'block-not-empty': 'FAILED_PRECONDITION',
  'already-assigned': 'ALREADY_EXISTS',
  'not-assigned': 'NOT_FOUND',
  contention: 'ABORTED',
  invalid: 'INVALID_ARGUMENT',
};

/** What a caller is told: only RESOURCE_EXHAUSTED, UNAVAILABLE and ABORTED are worth another try by themselves. */
export function toRpcError(error: unknown): RpcError {
  if (isRpcError(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new RpcError(codeOf(error), message, { cause: error });
}

function codeOf(error: unknown): RpcCode {
  if (isIpamError(error)) return codes[error.code];
  if (isDatastoreError(error, 'unavailable')) return 'UNAVAILABLE';
  if (error instanceof QueueFullError) return 'RESOURCE_EXHAUSTED';
  if (error instanceof AbandonedError) return 'CANCELLED';
  // An address, network or handle that is none: thrown by what parses it.
  if (error instanceof NetParseError || error instanceof RangeError) return 'INVALID_ARGUMENT';
  return 'INTERNAL';
}

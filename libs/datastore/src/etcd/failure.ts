import { isRpcError, RpcError } from '@calico-node/rpc';
import { DatastoreError, isDatastoreError } from '../errors.ts';

/**
 * What to make of an etcd call that failed.
 * - `unsent`: etcd never saw it, so that even a write may go to another member.
 * - `login`: the session's token is stale; log in again and repeat.
 * - `lost`: etcd may have seen it; only a read may be repeated.
 * - `refused`: repeating will not help.
 */
export type Failure = 'unsent' | 'login' | 'lost' | 'refused';

const stale = /invalid auth token|auth store is old|user name is empty/;
const noUser = /authentication failed, invalid user ID or password|permission denied/;

export function classifyFailure(error: unknown): Failure {
  if (!(error instanceof RpcError)) return 'refused';
  if (stale.test(error.message)) return 'login';
  if (isRefusedUser(error)) return 'refused';
  if (error.isUnseen && error.code !== 'CANCELLED') return 'unsent';
  switch (error.code) {
    case 'UNAUTHENTICATED':
      return 'login';
    case 'UNKNOWN':
      return error.message.includes('etcdserver') ? 'refused' : 'lost';
    case 'CANCELLED':
    case 'DEADLINE_EXCEEDED':
    case 'RESOURCE_EXHAUSTED':
    case 'ABORTED':
    case 'INTERNAL':
    case 'UNAVAILABLE':
      return 'lost';
    case 'INVALID_ARGUMENT':
    case 'NOT_FOUND':
    case 'ALREADY_EXISTS':
    case 'PERMISSION_DENIED':
    case 'FAILED_PRECONDITION':
    case 'OUT_OF_RANGE':
    case 'UNIMPLEMENTED':
    case 'DATA_LOSS':
      return 'refused';
  }
}

function isRefusedUser(error: unknown): boolean {
  return isRpcError(error) && (error.code === 'PERMISSION_DENIED' || noUser.test(error.message));
}

/** The error that the caller sees, from whatever the client library threw. */
export function toDatastoreError(error: unknown, identity: string, endpoints: string): DatastoreError {
  if (isDatastoreError(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (/required revision (has been compacted|is a future)/.test(message)) {
    return new DatastoreError('compacted', `etcd no longer has the revision asked for: ${identity}`, {
      identity,
      cause: error,
    });
  }
  if (isRefusedUser(error)) {
    return new DatastoreError('config', `etcd refuses the user: ${identity}`, {
      identity,
      hint: "check ETCD_USERNAME, ETCD_PASSWORD and the role's permission on /calico/",
      cause: error,
    });
  }
  return new DatastoreError('unavailable', `etcd at ${endpoints} gave no answer for ${identity}: ${message}`, {
    identity,
    hint: tlsHint(message),
    cause: error,
  });
}

const untrusted =
  /unable to verify|self-signed certificate|unable to get (?:local )?issuer|certificate has expired|does not match certificate/;
const refused = /alert (?:number|bad certificate|certificate|unknown ca)|certificate required|bad certificate/i;

/** What to look at when TLS failed; the words are OpenSSL's. */
function tlsHint(message: string): string | undefined {
  if (untrusted.test(message))
    return "etcd's certificate is not trusted: check ETCD_CA_CERT_FILE and the endpoint's name";
  if (refused.test(message)) return 'etcd does not take the client certificate: check ETCD_CERT_FILE and ETCD_KEY_FILE';
  return undefined;
}

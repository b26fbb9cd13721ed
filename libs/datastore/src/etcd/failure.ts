import {
  EtcdAuthenticationFailedError,
  EtcdInvalidAuthTokenError,
  EtcdPermissionDeniedError,
  GRPCUnauthenticatedError,
  GRPCUnavailableError,
  GRPCUnknownError,
  isRecoverableError,
} from 'etcd3';
import { DatastoreError, isDatastoreError } from '../errors.ts';

/**
 * What to make of an etcd call that failed.
 * - `unsent`: etcd never saw it, so that even a write may go to another member.
 * - `login`: the session's token is stale; log in again and repeat.
 * - `lost`: etcd may have seen it; only a read may be repeated.
 * - `refused`: repeating will not help.
 */
export type Failure = 'unsent' | 'login' | 'lost' | 'refused';

/** gRPC's words for a call that found no connection. */
const unsent =
  /No connection established|Channel (has been )?(closed|shut down)|Name resolution failed|before call started/i;
const stale = /invalid auth token|auth store is old|user name is empty/;

export function classifyFailure(error: unknown): Failure {
  if (!(error instanceof Error)) return 'refused';
  if (error instanceof EtcdInvalidAuthTokenError || stale.test(error.message)) return 'login';
  if (error instanceof EtcdAuthenticationFailedError || error instanceof EtcdPermissionDeniedError) return 'refused';
  if (error instanceof GRPCUnauthenticatedError) return 'login';
  if (error instanceof GRPCUnavailableError && unsent.test(error.message)) return 'unsent';
  if (error instanceof GRPCUnknownError && error.message.includes('etcdserver')) return 'refused';
  return isRecoverableError(error) ? 'lost' : 'refused';
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
  const kind = classifyFailure(error);
  if (
    kind === 'refused' &&
    (error instanceof EtcdAuthenticationFailedError || error instanceof EtcdPermissionDeniedError)
  ) {
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

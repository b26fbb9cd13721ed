import type { KeyValue } from './backend.ts';

/**
 * Why a call to the store failed.
 * - `not-found`, `already-exists`, `conflict`: a compare-and-swap's premise did not hold; nothing was changed.
 * - `unavailable`: no answer in time. A write may or may not have happened: read before repeating it.
 * - `compacted`: the revision asked for is older than what the store keeps, or newer than it has.
 * - `config`: the connection's configuration, or the user that it names, is refused; repeating will not help.
 * - `validation`: the request itself is wrong and was not sent.
 * - `unsupported`: the object does not allow the operation.
 */
export type DatastoreErrorCode =
  'not-found' | 'already-exists' | 'conflict' | 'unavailable' | 'compacted' | 'config' | 'validation' | 'unsupported';

export interface DatastoreErrorDetails {
  /** The key or resource concerned, as an operator would name it. */
  readonly identity?: string | undefined;
  /** What to do about it. */
  readonly hint?: string | undefined;
  /** With `already-exists` and `conflict`: what the store holds instead. */
  readonly current?: KeyValue | undefined;
  readonly cause?: unknown;
}

/** The error of every function of this library that reaches the store. */
export class DatastoreError extends Error {
  override readonly name = 'DatastoreError';
  readonly code: DatastoreErrorCode;
  readonly identity: string | undefined;
  readonly hint: string | undefined;
  readonly current: KeyValue | undefined;

  constructor(code: DatastoreErrorCode, message: string, details: DatastoreErrorDetails = {}) {
    super(details.hint === undefined ? message : `${message} (${details.hint})`, { cause: details.cause });
    this.code = code;
    this.identity = details.identity;
    this.hint = details.hint;
    this.current = details.current;
  }
}

/** Whether a value is a {@link DatastoreError}, optionally with one of the given codes. */
export function isDatastoreError(value: unknown, ...codes: readonly DatastoreErrorCode[]): value is DatastoreError {
  return value instanceof DatastoreError && (codes.length === 0 || codes.includes(value.code));
}

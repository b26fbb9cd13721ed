/**
 * Why a workload could not be attached by hand.
 * - `not-a-tap`: the host has no tap device of that name.
 * - `attached-elsewhere`: the workload is attached to something else, which still stands.
 */
export type StandaloneErrorCode = 'not-a-tap' | 'attached-elsewhere';

/** What the wiring itself refuses comes as `WireError`. */
export class StandaloneError extends Error {
  override readonly name = 'StandaloneError';
  readonly code: StandaloneErrorCode;

  constructor(code: StandaloneErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

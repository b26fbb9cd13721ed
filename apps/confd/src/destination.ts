/** Where a rendered configuration goes: a daemon, or files for one. */
export interface Destination<Config> {
  /**
   * Brings it up to date. Gives what is worth a log line, or nothing when it had the configuration already.
   * Throws {@link NotApplied}.
   */
  apply(config: Config, signal: AbortSignal): Promise<Readonly<Record<string, unknown>> | undefined>;
}

/**
 * `refused`: the configuration, or a part of it, is not taken, and won't be however often it is tried.
 * `unreachable`: who should take it is not there, or something else is in the way that may pass.
 */
export type NotAppliedCode = 'refused' | 'unreachable';

/** A configuration did not get to where it should; what was there before goes on. */
export class NotApplied extends Error {
  override readonly name = 'NotApplied';
  readonly code: NotAppliedCode;

  /** @param message for the operator: who did not take it, and why */
  constructor(code: NotAppliedCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

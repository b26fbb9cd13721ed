/**
 * A refusal whose message Docker shows to the user as it stands.
 * - `invalid`: the request is not what the protocol says.
 * - `unsupported`: Calico has no such thing; the message says what to leave away.
 * - `not-found`: what the request refers to does not exist.
 * - `not-ready`: the same request may succeed later.
 */
export type PluginErrorCode = 'invalid' | 'unsupported' | 'not-found' | 'not-ready';

export class PluginError extends Error {
  override readonly name = 'PluginError';
  readonly code: PluginErrorCode;

  constructor(code: PluginErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

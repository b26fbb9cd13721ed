/**
 * Why an interface could not be wired.
 * - `netns-missing`: there is no such network namespace.
 * - `own-netns`: the namespace is this process's own, which has nothing to be attached to.
 * - `interface-exists`: the namespace has an interface of that name that is not ours to replace.
 */
export type WireErrorCode = 'netns-missing' | 'own-netns' | 'interface-exists';

/** What the kernel itself refuses comes as `NetlinkError`. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code: WireErrorCode;

  constructor(code: WireErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * - `config`: nothing says where the API is, or a file that does cannot be read.
 * - `unavailable`: it does not answer, or asks to come back later.
 * - `refused`: it does not let us, or does not know us.
 * - `not-found`: there is no such object.
 * - `failed`: anything else.
 */
export type KubernetesErrorCode = 'config' | 'unavailable' | 'refused' | 'not-found' | 'failed';

/** Why the Kubernetes API did not give what was asked for. */
export class KubernetesError extends Error {
  override readonly name = 'KubernetesError';
  readonly code: KubernetesErrorCode;

  constructor(code: KubernetesErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Whether a value is a {@link KubernetesError}, optionally with one of the given codes. */
export function isKubernetesError(value: unknown, ...codes: readonly KubernetesErrorCode[]): value is KubernetesError {
  return value instanceof KubernetesError && (codes.length === 0 || codes.includes(value.code));
}

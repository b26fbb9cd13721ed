/** The error codes of the CNI specification (1.1.0, "Error"), and the first of the plug-in's own. */
export const cniCodes = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  decodingFailure: 6,
  invalidConfig: 7,
  tryAgainLater: 11,
  /** STATUS: the plug-in cannot serve ADD. */
  notAvailable: 50,
  /** STATUS: nor may what is attached already reach all that it should. */
  limitedConnectivity: 51,
  /** Anything else; 100 and above are the plug-in's own. */
  failed: 100,
} as const;

/** A code of {@link cniCodes}, or one that a delegated plug-in answered with. */
export type CniCode = number;

/** What a plug-in prints on standard output when a command fails, with exit code 1. */
export class CniError extends Error {
  override readonly name = 'CniError';
  readonly code: CniCode;
  /** Longer text for the operator: causes, and what to do. */
  readonly details: string | undefined;

  constructor(code: CniCode, message: string, options: ErrorOptions & { readonly details?: string } = {}) {
    super(message, options);
    this.code = code;
    this.details = options.details;
  }
}

/** The causes of an error in words, nearest first. */
function causesOf(error: unknown): string {
  const messages: string[] = [];
  for (let cause: unknown = error; cause instanceof Error && messages.length < 8; cause = cause.cause) {
    if (cause.message !== messages.at(-1)) messages.push(cause.message);
  }
  return messages.join(' <- ');
}

/** Anything thrown as a CNI error; what is not one already becomes `code`. */
export function toCniError(error: unknown, code: CniCode = cniCodes.failed): CniError {
  if (error instanceof CniError) return error;
  return new CniError(code, error instanceof Error ? error.message : String(error), { cause: error });
}

/** The error object of the specification, as one line of JSON. */
export function renderError(error: CniError, cniVersion: string): string {
  const details = [error.details, causesOf(error.cause)].filter((text) => text !== undefined && text !== '').join('; ');
  return JSON.stringify({
    cniVersion,
    code: error.code,
    msg: error.message,
    ...(details === '' || details === error.message ? {} : { details }),
  });
}

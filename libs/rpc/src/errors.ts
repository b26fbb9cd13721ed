/** The status codes of gRPC (its documentation, "Status codes and their use in gRPC"), beside OK. */
const codes = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type RpcCode = keyof typeof codes;

export interface RpcErrorOptions extends ErrorOptions {
  /** The server has certainly not seen the call. */
  readonly isUnseen?: boolean;
}

/** An error that crosses a gRPC boundary: thrown by a handler, or received by a caller. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: RpcCode;
  /** The server has certainly not seen the call: whatever it was, it may be made again. */
  readonly isUnseen: boolean;

  constructor(code: RpcCode, message: string, { isUnseen = false, ...options }: RpcErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.isUnseen = isUnseen;
  }
}

/** Whether a value is an {@link RpcError}, optionally with one of the given codes. */
export function isRpcError(value: unknown, ...wanted: readonly RpcCode[]): value is RpcError {
  return value instanceof RpcError && (wanted.length === 0 || wanted.includes(value.code));
}

const codeByNumber = new Map(Object.entries(codes).map(([name, number]) => [number as number, name as RpcCode]));

/** The code of a gRPC status number; a number that is none becomes `UNKNOWN`. */
export function codeFromNumber(number: number): RpcCode {
  return codeByNumber.get(number) ?? 'UNKNOWN';
}

/** The gRPC status number of a code. */
export function numberFromCode(code: RpcCode): number {
  return codes[code];
}

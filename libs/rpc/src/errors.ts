import { status } from '@grpc/grpc-js';

/** The gRPC status codes that our services answer with. */
export type RpcCode =
  | 'CANCELLED'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'UNKNOWN';

/** An error that crosses a gRPC boundary: thrown by a handler, or received by a caller. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: RpcCode;

  constructor(code: RpcCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Whether a value is an {@link RpcError}, optionally with one of the given codes. */
export function isRpcError(value: unknown, ...codes: readonly RpcCode[]): value is RpcError {
  return value instanceof RpcError && (codes.length === 0 || codes.includes(value.code));
}

const nameByNumber = new Map<number, string>(
  Object.entries(status).flatMap(([name, number]) => (typeof number === 'number' ? [[number, name] as const] : [])),
);

const known: ReadonlySet<string> = new Set<RpcCode>([
  'CANCELLED',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
]);

/** The code of a gRPC status number; a code that none of our services uses becomes `UNKNOWN`. */
export function codeFromNumber(number: number): RpcCode {
  const name = nameByNumber.get(number);
  return name !== undefined && known.has(name) ? (name as RpcCode) : 'UNKNOWN';
}

/** The status that a handler's error is answered with: {@link RpcError} keeps its code, anything else is INTERNAL. */
export function statusOf(error: unknown): { code: status; details: string } {
  return {
    code: status[error instanceof RpcError ? error.code : 'INTERNAL'],
    details: error instanceof Error ? error.message : String(error),
  };
}

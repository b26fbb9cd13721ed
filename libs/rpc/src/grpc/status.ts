/** How gRPC over HTTP/2 says how a call ended, and how long it may take. */
import { codeFromNumber, numberFromCode, RpcError, type RpcCode } from '../errors.ts';
import { encodeHeaders, type Headers } from '../http2/hpack.ts';

/** A call's end without an error. */
export const okTrailers = encodeHeaders([['grpc-status', '0']]);

/** A call's end with an error; its message in UTF-8, percent-encoded. */
export function errorTrailers(code: RpcCode, message: string): Buffer {
  const encoded = encodeURI(message.toWellFormed()).replaceAll('%20', ' ');
  return encodeHeaders([
    ['grpc-status', String(numberFromCode(code))],
    // A peer takes a limited size of headers.
    ['grpc-message', encoded.slice(0, 8000).replace(/%[0-9A-F]?$/, '')],
  ]);
}

/** What trailers say; undefined: all went well. */
export function errorOf(trailers: Headers): RpcError | undefined {
  const status = trailers.get('grpc-status');
  if (status === '0') return undefined;
  if (status === undefined) {
    const httpStatus = trailers.get(':status') ?? 'none';
    return new RpcError('UNAVAILABLE', `an answer without a gRPC status (HTTP status ${httpStatus})`);
  }
  return new RpcError(codeFromNumber(Number(status)), decoded(trailers.get('grpc-message') ?? ''));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** The field `grpc-timeout`: at most eight digits and a unit. In milliseconds; undefined for none, or nonsense. */
export function parseTimeout(text: string | undefined): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(text ?? '') ?? [];
  const factor = unitMs[unit];
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}

export function renderTimeout(ms: number): string {
  const whole = Math.max(1, Math.ceil(ms));
  return whole < 1e8 ? `${whole}m` : `${Math.min(99_999_999, Math.ceil(whole / 1000))}S`;
}

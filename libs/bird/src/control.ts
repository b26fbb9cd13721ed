import { createConnection } from 'node:net';
import { firstErrorCode, parseReply, type ReplyLine } from './reply.ts';

export type BirdErrorCode =
  /** Nobody answers on the socket. */
  | 'unreachable'
  /** BIRD does not do what it was told. */
  | 'refused';

export class BirdError extends Error {
  override readonly name = 'BirdError';
  readonly code: BirdErrorCode;

  constructor(code: BirdErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface BirdCommandOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const defaultTimeoutMs = 5_000;
/** A table of a million routes is about this long. */
const maxReplyLength = 256 * 1024 * 1024;

/**
 * Gives BIRD one command on a control socket and resolves to its answer's lines.
 *
 * @throws BirdError `unreachable` when no BIRD listens or answers in time, `refused` with BIRD's words.
 */
export function birdCommand(
  socketPath: string,
  command: string,
  { timeoutMs = defaultTimeoutMs, signal }: BirdCommandOptions = {},
): Promise<readonly ReplyLine[]> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(socketPath);
    let received = '';
    let isGreeted = false;
    const fail = (reason: string, cause?: unknown): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new BirdError('unreachable', `BIRD on ${socketPath}: ${reason}`, { cause }));
    };
    const timer = setTimeout(() => {
      fail(`no answer within ${timeoutMs} ms`);
    }, timeoutMs);
    const onAbort = (): void => {
      fail('given up');
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.setEncoding('utf8');
    socket.once('error', (error) => {
      fail(error.message, error);
    });
    socket.once('close', () => {
      signal?.removeEventListener('abort', onAbort);
      fail('the connection ended');
    });
    socket.on('data', (text: string) => {
      received += text;
      if (received.length > maxReplyLength) {
        fail('the answer is too long');
        return;
      }
      if (!received.endsWith('\n')) return;
      const { lines, isComplete } = parseReply(received);
      if (!isComplete) return;
      if (!isGreeted) {
        isGreeted = true;
        received = '';
        socket.write(`${command}\n`);
        return;
      }
      clearTimeout(timer);
      const last = lines.at(-1);
      if (last !== undefined && last.code >= firstErrorCode) {
        reject(new BirdError('refused', `BIRD on ${socketPath}: ${command}: ${last.text}`));
      } else {
        resolve(lines);
      }
      socket.destroy();
    });
  });
}

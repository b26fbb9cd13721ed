/** What a command may touch of its surroundings; tests give their own. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes to standard output. */
  out(text: string): void;
  /** Writes to standard error. */
  err(text: string): void;
  /** The whole of standard input. */
  readStdin(): Promise<string>;
  readonly isRoot: boolean;
  now(): Date;
}

/** An error that the user is told of by its message alone; the exit code is 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

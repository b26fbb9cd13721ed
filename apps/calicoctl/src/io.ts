/** What a command may touch of its surroundings; tests give their own. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes to standard output. */
  out(text: string): void;
  /** Writes to standard error. */
  err(text: string): void;
  /** Whether standard error is a terminal, so that a line can be written over. */
  readonly errIsTerminal: boolean;
  /** The whole of standard input. */
  readStdin(): Promise<string>;
  readonly isRoot: boolean;
  now(): Date;
  /**
   * A signal that fires when the user asks to stop (SIGINT, SIGTERM), for the commands that have something to
   * finish first. Until it is asked for, being asked to stop ends the program at once.
   */
  interrupted(): AbortSignal;
  /** Runs a program on the user's terminal, through a shell, with arguments; gives its exit code. */
  runInteractive(command: string, args: readonly string[]): Promise<number>;
}

/** An error that the user is told of by its message alone, if it has one. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  /** What the program ends with: 1 unless the command says otherwise. */
  readonly exitCode: number;

  constructor(message: string, { exitCode = 1, ...options }: ErrorOptions & { readonly exitCode?: number } = {}) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

import { execFile } from 'node:child_process';

/** How long a command may take: BIRD parses a configuration of thousands of peers in well under a second. */
const TIMEOUT_MS = 20_000;

export interface Outcome {
  /** Undefined: the program is not installed. */
  readonly exitCode: number | undefined;
  /** What it wrote, to either stream. */
  readonly output: string;
}

/** Runs a program without input until it ends; ended by a signal or the time limit, it counts as failed. */
export function runCommand(
  program: string,
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly signal: AbortSignal },
): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const env = { ...process.env, ...options.env };
  execFile(program, args, { env, signal: options.signal, timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
    const output = `${stdout}${stderr}`.trim();
    if (error === null) resolve({ exitCode: 0, output });
    else if (error.code === 'ENOENT') resolve({ exitCode: undefined, output });
    else resolve({ exitCode: typeof error.code === 'number' ? error.code : 1, output: output || error.message });
  });
  return promise;
}

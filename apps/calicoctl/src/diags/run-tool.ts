import { execFile } from 'node:child_process';

/** A program to run, without a shell. */
export interface Tool {
  readonly command: string;
  readonly args: readonly string[];
}

export type ToolResult =
  | { readonly type: 'done'; readonly output: string }
  | { readonly type: 'missing' }
  /** It ended with an error, or took too long; with what it printed until then. */
  | { readonly type: 'failed'; readonly output: string; readonly reason: string };

const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;

export interface RunToolOptions {
  readonly timeoutMs: number;
  /** Its `PATH` is where the program is looked for. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Runs a program to its end, or to the time limit; gives what it printed on both streams. */
export function runTool({ command, args }: Tool, { timeoutMs, env }: RunToolOptions): Promise<ToolResult> {
  return new Promise((resolve) => {
    const options = { timeout: timeoutMs, maxBuffer: MAX_OUTPUT_BYTES, encoding: 'utf8', env } as const;
    execFile(command, [...args], options, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`;
      if (error === null) resolve({ type: 'done', output });
      else if (error.code === 'ENOENT') resolve({ type: 'missing' });
      else if (error.killed === true) resolve({ type: 'failed', output, reason: `took longer than ${timeoutMs} ms` });
      else resolve({ type: 'failed', output, reason: `exit code ${String(error.code ?? error.signal)}` });
    });
  });
}

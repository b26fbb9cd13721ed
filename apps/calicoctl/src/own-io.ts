import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { Io } from './io.ts';

/** How long to wait for whoever reads our output, before trying again. */
const FULL_PIPE_PAUSE_MS = 5;

/** The process's own surroundings. */
export function ownIo(): Io {
  return {
    env: process.env,
    out: (text) => {
      writeWhole(1, text);
    },
    err: (text) => {
      writeWhole(2, text);
    },
    get errIsTerminal() {
      return isatty(2);
    },
    readStdin,
    isRoot: process.getuid?.() === 0,
    now: () => new Date(),
    interrupted,
    runInteractive,
  };
}

/** Writes all of it before it returns, without the streams of `process`, which take longer to make than a short command. */
function writeWhole(fd: number, text: string): void {
  for (let rest = Buffer.from(text); rest.length > 0;) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      // Whoever reads our output may stop reading (`calicoctl get ... | head`); that is no failure.
      if (code === 'EPIPE') process.exit(0);
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_PAUSE_MS);
    }
  }
}

function interrupted(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      stop.abort(); // asked a second time, the program ends at once
    });
  }
  return stop.signal;
}

async function readStdin(): Promise<string> {
  const { text } = await import('node:stream/consumers');
  return text(process.stdin);
}

async function runInteractive(command: string, args: readonly string[]): Promise<number> {
  const { spawn } = await import('node:child_process');
  return new Promise((resolve, reject) => {
    // As git and kubectl do: the setting is a shell command, what to open its argument.
    spawn('/bin/sh', ['-c', `${command} "$@"`, command, ...args], { stdio: 'inherit' })
      .on('error', reject)
      .on('exit', (code) => {
        resolve(code ?? 1);
      });
  });
}

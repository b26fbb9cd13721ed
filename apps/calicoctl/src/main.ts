import { runCalicoctl } from './program.ts';

// Whoever reads our output may stop reading (`calicoctl get ... | head`); that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

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

const run = runCalicoctl(process.argv.slice(2), {
  env: process.env,
  out: (output) => {
    process.stdout.write(output);
  },
  err: (output) => {
    process.stderr.write(output);
  },
  // The stream is made when it is first used; what the terminal is can be told without.
  get errIsTerminal() {
    return process.stderr.isTTY;
  },
  readStdin,
  isRoot: process.getuid?.() === 0,
  now: () => new Date(),
  interrupted,
  runInteractive,
});

// Without `await`, so that it can be a CommonJS bundle, which starts sooner. A defect ends as an unhandled rejection.
void run.then((code) => {
  process.exitCode = code;
});

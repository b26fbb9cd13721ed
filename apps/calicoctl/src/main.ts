import { text } from 'node:stream/consumers';
import { runCalicoctl } from './program.ts';

// Whoever reads our output may stop reading (`calicoctl get ... | head`); that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runCalicoctl(process.argv.slice(2), {
  env: process.env,
  out: (output) => {
    process.stdout.write(output);
  },
  err: (output) => {
    process.stderr.write(output);
  },
  readStdin: () => text(process.stdin),
  isRoot: process.getuid?.() === 0,
  now: () => new Date(),
});

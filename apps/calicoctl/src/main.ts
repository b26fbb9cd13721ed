import { text } from 'node:stream/consumers';
import { runCalicoctl } from './program.ts';

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

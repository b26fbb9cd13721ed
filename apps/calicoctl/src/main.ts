import { setTimeout as delay } from 'node:timers/promises';
import { startupSnapshot } from 'node:v8';
import { runCalicoctl } from './program.ts';
import { ownIo } from './own-io.ts';

/** Runs the command that the process was called with. A defect ends as an unhandled rejection. */
async function main(): Promise<void> {
  // Should nothing be left to wait for before the end, that is no success.
  process.exitCode = 1;
  process.exitCode = await runCalicoctl(process.argv.slice(2), ownIo());
}

/**
 * The same for what goes into a start-up snapshot. Node.js remembers when its next timer is due, also one that was
 * cancelled, and sets no later one until then: a program that starts from that would wait for timers that never end.
 * One that does end, with no other left, makes Node.js forget.
 */
async function practise(): Promise<void> {
  await main();
  await delay(1);
}

// While a start-up snapshot is built, the command is run as practice: what it loads and compiles is in the snapshot.
if (startupSnapshot.isBuildingSnapshot()) {
  startupSnapshot.setDeserializeMainFunction(() => {
    void main();
  });
  void practise();
} else {
  void main();
}

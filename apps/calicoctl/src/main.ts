import { startupSnapshot } from 'node:v8';
import { runCalicoctl } from './program.ts';
import { ownIo } from './own-io.ts';

/** Runs the command that the process was called with. A defect ends as an unhandled rejection. */
async function main(): Promise<void> {
  process.exitCode = await runCalicoctl(process.argv.slice(2), ownIo());
}

// While a start-up snapshot is built, the command is run as practice: what it loads and compiles is in the snapshot.
if (startupSnapshot.isBuildingSnapshot()) {
  startupSnapshot.setDeserializeMainFunction(() => {
    void main();
  });
}
void main();

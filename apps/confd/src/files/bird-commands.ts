import { join } from 'node:path';
import { NotApplied } from '../destination.ts';
import type { DaemonCommands } from './file-set-writer.ts';
import { runCommand } from './run-command.ts';

export interface BirdCommandOptions {
  /** Where each BIRD has its control socket, `<name>.ctl`. */
  readonly controlDir: string;
  /**
   * A shell command that makes a BIRD read its files again, in place of `birdc configure`; the environment
   * variable BIRD_NAME tells it which: `bird` or `bird6`.
   */
  readonly reloadCommand?: string | undefined;
}

/** BIRD 2's own means: `bird -p` to check, `birdc configure` to reload. */
export function birdCommands({ controlDir, reloadCommand }: BirdCommandOptions): DaemonCommands {
  return {
    check: async (mainFile, signal) => {
      const { exitCode, output } = await runCommand('bird', ['-p', '-c', mainFile], { signal });
      if (exitCode === undefined) {
        throw new NotApplied('unreachable', 'bird is not installed: BIRD 2 is needed to check its configuration');
      }
      if (exitCode !== 0) throw new NotApplied('refused', output);
    },
    reload: async (name, signal) => {
      if (reloadCommand !== undefined) {
        const { exitCode, output } = await runCommand('/bin/sh', ['-c', reloadCommand], {
          env: { BIRD_NAME: name },
          signal,
        });
        if (exitCode !== 0) throw new NotApplied('unreachable', `the reload command failed: ${output}`);
        return;
      }
      const { exitCode, output } = await runCommand('birdc', ['-s', join(controlDir, `${name}.ctl`), 'configure'], {
        signal,
      });
      if (exitCode === undefined) throw new NotApplied('unreachable', 'birdc is not installed: BIRD 2 is needed');
      if (/unable to connect/i.test(output)) throw new NotApplied('unreachable', output);
      if (exitCode !== 0 || !/^(reconfigur|configuration unchanged)/im.test(output)) {
        throw new NotApplied('refused', output);
      }
    },
  };
}

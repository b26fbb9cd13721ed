import { completionScripts, SHELLS } from '../completion/scripts.ts';
import { CommandError, type Io } from '../io.ts';

/** `calicoctl completion SHELL`. */
export function printCompletion(name: string, io: Io): void {
  const shell = SHELLS.find((known) => known === name);
  if (shell === undefined) throw new CommandError(`no completion for ${name}: there are ${SHELLS.join(', ')}`);
  io.out(completionScripts[shell]);
}

import { Argument, type Command } from 'commander';
import type { Io } from '../io.ts';

/** `calicoctl completion`. */
export function addShellCommands(program: Command, io: Io): void {
  program
    .command('completion')
    .description('print a script that completes calicoctl in a shell: source <(calicoctl completion bash)')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: string) => {
      const { printCompletion } = await import('./completion.ts');
      printCompletion(shell, io);
    });
}

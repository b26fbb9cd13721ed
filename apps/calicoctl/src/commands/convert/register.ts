import type { Command } from 'commander';
import type { Io } from '../../io.ts';

/** `calicoctl convert`. */
export function addConvertCommand(program: Command, io: Io): void {
  program
    .command('convert')
    .description('print resources of the v1 API as v3')
    .requiredOption('-f, --filename <file>', 'file of YAML or JSON, or - for standard input')
    .option('-o, --output <format>', 'yaml or json', 'yaml')
    .option('--ignore-validation', 'print what breaks the rules of v3 too')
    .action(async (_options, command: Command) => {
      const { convert } = await import('./convert.ts');
      await convert(command.optsWithGlobals(), io);
    });
}

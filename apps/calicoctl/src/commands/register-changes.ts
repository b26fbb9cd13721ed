import { Option, type Command } from 'commander';
import type { Io } from '../io.ts';
import { inputOptions, withImpact, withInput, withNamespace } from './options.ts';

/** The commands that change what is there: `delete`, `patch`, `label`, `edit`. */
export function addChangeCommands(program: Command, io: Io): void {
  withImpact(withInput(withNamespace(program.command('delete').description('delete resources'))))
    .argument('[kind]')
    .argument('[names...]')
    .option('-s, --skip-not-exists', 'resources that do not exist are no error')
    .option('--dry-run', 'say what would be deleted, and delete nothing')
    .action(async (kind: string | undefined, names: readonly string[], _options: unknown, command: Command) => {
      const { deleteResources } = await import('./delete.ts');
      await deleteResources({ ...inputOptions(command), kind, names }, io);
    });
  withNamespace(program.command('patch').description('change fields of a resource'))
    .argument('<kind>')
    .argument('<name>')
    .requiredOption('-p, --patch <patch>', 'the changes, as JSON or YAML')
    .addOption(
      new Option('-t, --type <type>', 'how the changes are written down')
        .choices(['strategic', 'json', 'merge'])
        .default('strategic'),
    )
    .action(async (kind: string, name: string, _options: unknown, command: Command) => {
      const { patch } = await import('./patch.ts');
      await patch({ ...command.optsWithGlobals(), kind, name }, io);
    });
  withNamespace(program.command('label').description('set or remove a label of a resource'))
    .argument('<kind>')
    .argument('<name>')
    .argument('<label>', 'key=value; with --remove the key')
    .option('--overwrite', 'replace another value')
    .option('--remove', 'remove the label')
    .action(async (kind: string, name: string, label: string, _options: unknown, command: Command) => {
      const { label: run } = await import('./label.ts');
      await run({ ...command.optsWithGlobals(), kind, name, label }, io);
    });
  withNamespace(program.command('edit').description('change a resource in an editor: $VISUAL, $EDITOR or vi'))
    .argument('<kind>')
    .argument('<name>')
    .action(async (kind: string, name: string, _options: unknown, command: Command) => {
      const { edit } = await import('./edit.ts');
      await edit({ ...command.optsWithGlobals(), kind, name }, io);
    });
}

import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { withConfig } from './config-option.ts';
import { inputOptions, withInput, withNamespace } from './options.ts';

/** The commands that change nothing: `get`, `watch`, `export`, `version`. */
export function addReadCommands(program: Command, io: Io): void {
  withInput(withNamespace(program.command('get').description('print resources')))
    .argument('[kind]')
    .argument('[names...]')
    .option(
      '-o, --output <format>',
      'ps, wide, yaml, json, name, custom-columns=HEADING,..., go-template=TEMPLATE, go-template-file=FILE or jsonpath=TEMPLATE',
      'ps',
    )
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('--export', 'without what belongs to this cluster')
    .action(async (kind: string | undefined, names: readonly string[], _options: unknown, command: Command) => {
      const { get } = await import('./get.ts');
      await get({ ...inputOptions(command), kind, names }, io);
    });
  withNamespace(program.command('watch').description('print resources, and every change to them until stopped'))
    .argument('<kind>')
    .argument('[name]')
    .option('-o, --output <format>', 'ps, yaml or json', 'ps')
    .option('-A, --all-namespaces', 'of all namespaces')
    .action(async (kind: string, name: string | undefined, _options: unknown, command: Command) => {
      const { watch } = await import('./watch.ts');
      await watch({ ...command.optsWithGlobals(), kind, name }, io);
    });
  withConfig(program.command('export').description('print all resources as documents for import'))
    .argument('[kinds...]', 'only of these kinds')
    .option('-n, --namespace <namespace>', 'only of this namespace')
    .option('-o, --output <format>', 'yaml or json', 'yaml')
    .action(async (kinds: readonly string[], _options: unknown, command: Command) => {
      const { exportResources } = await import('./export.ts');
      await exportResources({ ...command.optsWithGlobals(), kinds }, io);
    });
  program
    .command('version')
    .description('print the versions of calicoctl and of the cluster')
    .option('--client', "print calicoctl's version only")
    .option(
      '--poll <duration>',
      "ask for the cluster's again and again (1s, 10m, 2h), and print what changes; 0: once",
      '0',
    )
    .option('-c, --config <file>', 'connection configuration')
    .action(async (_options, command: Command) => {
      const { version } = await import('./version.ts');
      await version(command.optsWithGlobals(), io);
    });
}

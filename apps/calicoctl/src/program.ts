/**
 * The command line. Options and arguments are declared here; what a command does is loaded when it is called,
 * so that starting up costs no more than the command needs.
 */
import { Command, CommanderError, Option } from 'commander';
import { addClusterCommands } from './commands/cluster/register.ts';
import { withConfig } from './commands/config-option.ts';
import { addConvertCommand } from './commands/convert/register.ts';
import { addDatastoreCommands } from './commands/datastore/register.ts';
import { addIpamCommands } from './commands/ipam/register.ts';
import { addNodeCommands } from './commands/node/register.ts';
import { CommandError, type Io } from './io.ts';

/** Runs one command line (without program name) and gives the exit code: 0, or 1 for any failure. */
export async function runCalicoctl(argv: readonly string[], io: Io): Promise<number> {
  try {
    await buildProgram(io).parseAsync(argv.map(modernised), { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    io.err(`${describe(error)}\n`);
    return 1;
  }
}

/** `-a` is an older name of `-A`. */
function modernised(argument: string): string {
  return argument === '-a' ? '-A' : argument;
}

/** Our own errors and the libraries' speak for themselves; anything else is a defect, shown with its stack. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isExpected = error instanceof CommandError || 'code' in error;
  return isExpected ? error.message : (error.stack ?? error.message);
}

interface InputFlags {
  readonly filename?: readonly string[];
  readonly recursive?: boolean;
  readonly skipEmpty?: boolean;
}

/** What `opts` of a command holds besides, from the options common to all. */
interface CommonFlags {
  readonly config?: string;
  readonly allowVersionMismatch?: boolean;
  readonly namespace?: string;
}

function buildProgram(io: Io): Command {
  const program = new Command('calicoctl')
    .description('manages Calico network and security policy, and looks into nodes')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        io.out(text);
      },
      writeErr: (text) => {
        io.err(text);
      },
    })
    .addOption(
      new Option('-l, --log-level <level>', 'how much to log')
        .choices(['panic', 'fatal', 'error', 'warn', 'info', 'debug'])
        .default('panic'),
    )
    .option('--context <name>', 'the kubeconfig context to use')
    .option('--allow-version-mismatch', "go on when the cluster's version is another one");
  addWriteCommands(program, io);
  addResourceCommands(program, io);
  addNodeCommands(program, io);
  addIpamCommands(program, io);
  addDatastoreCommands(program, io);
  addClusterCommands(program, io);
  addConvertCommand(program, io);
  program
    .command('version')
    .description('print the versions of calicoctl and of the cluster')
    .option('--client', "print calicoctl's version only")
    .option('-c, --config <file>', 'connection configuration')
    .action(async (_options, command: Command) => {
      const { version } = await import('./commands/version.ts');
      await version(command.optsWithGlobals(), io);
    });
  return program;
}

function withNamespace(command: Command): Command {
  return withConfig(command).option('-n, --namespace <namespace>', 'namespace of the resources (default: default)');
}

function withInput(command: Command): Command {
  return command
    .option('-f, --filename <file...>', 'file or directory of YAML or JSON, or - for standard input')
    .option('-R, --recursive', 'read directories in the directory too')
    .option('--skip-empty', 'an input without resources is no error');
}

function addWriteCommands(program: Command, io: Io): void {
  const create = withInput(withNamespace(program.command('create').description('create resources')));
  create
    .option('--skip-exists', 'leave resources that exist as they are')
    .action(async (_options, command: Command) => {
      const { create: run } = await import('./commands/write.ts');
      await run(inputOptions(command), io);
    });
  const verbs = { apply: 'create resources, or update those that exist', replace: 'update resources' } as const;
  for (const [name, description] of Object.entries(verbs)) {
    withInput(withNamespace(program.command(name).description(description))).action(
      async (_options, command: Command) => {
        const { apply, replace } = await import('./commands/write.ts');
        await (name === 'apply' ? apply : replace)(inputOptions(command), io);
      },
    );
  }
  withInput(program.command('validate').description('check resources without a datastore')).action(
    async (_options, command: Command) => {
      const { validate } = await import('./commands/validate.ts');
      await validate(inputOptions(command), io);
    },
  );
}

function addResourceCommands(program: Command, io: Io): void {
  withInput(withNamespace(program.command('delete').description('delete resources')))
    .argument('[kind]')
    .argument('[names...]')
    .option('-s, --skip-not-exists', 'resources that do not exist are no error')
    .action(async (kind: string | undefined, names: readonly string[], _options: unknown, command: Command) => {
      const { deleteResources } = await import('./commands/delete.ts');
      await deleteResources({ ...inputOptions(command), kind, names }, io);
    });
  withInput(withNamespace(program.command('get').description('print resources')))
    .argument('[kind]')
    .argument('[names...]')
    .option('-o, --output <format>', 'ps, wide, yaml, json, name or custom-columns=HEADING,...', 'ps')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('--export', 'without what belongs to this cluster')
    .action(async (kind: string | undefined, names: readonly string[], _options: unknown, command: Command) => {
      const { get } = await import('./commands/get.ts');
      await get({ ...inputOptions(command), kind, names }, io);
    });
  withNamespace(program.command('patch').description('change fields of a resource'))
    .argument('<kind>')
    .argument('<name>')
    .requiredOption('-p, --patch <patch>', 'the changes, as JSON or YAML')
    .option('-t, --type <type>', 'strategic, json or merge', 'strategic')
    .action(async (kind: string, name: string, _options: unknown, command: Command) => {
      const { patch } = await import('./commands/patch.ts');
      await patch({ ...command.optsWithGlobals(), kind, name }, io);
    });
  withNamespace(program.command('label').description('set or remove a label of a resource'))
    .argument('<kind>')
    .argument('<name>')
    .argument('<label>', 'key=value; with --remove the key')
    .option('--overwrite', 'replace another value')
    .option('--remove', 'remove the label')
    .action(async (kind: string, name: string, label: string, _options: unknown, command: Command) => {
      const { label: run } = await import('./commands/label.ts');
      await run({ ...command.optsWithGlobals(), kind, name, label }, io);
    });
}

/** Flags of commands that read files, under the names that the commands use. */
function inputOptions(command: Command): CommonFlags & {
  readonly filenames: readonly string[];
  readonly recursive: boolean;
  readonly skipEmpty: boolean;
} {
  const flags = command.optsWithGlobals<InputFlags & CommonFlags>();
  return {
    ...flags,
    filenames: flags.filename ?? [],
    recursive: flags.recursive ?? false,
    skipEmpty: flags.skipEmpty ?? false,
  };
}

/**
 * The command line. Options and arguments are declared here; what a command does is loaded when it is called,
 * so that starting up costs no more than the command needs.
 */
import { VERSION } from '@calico-node/service';
import { Command, CommanderError, Option } from 'commander';
import { addBgpCommands } from './commands/bgp/register.ts';
import { addClusterCommands } from './commands/cluster/register.ts';
import { addChangeCommands } from './commands/register-changes.ts';
import { addConvertCommand } from './commands/convert/register.ts';
import { addDatastoreCommands } from './commands/datastore/register.ts';
import { addExplainCommands } from './commands/explain/register.ts';
import { addIpamCommands } from './commands/ipam/register.ts';
import { addNodeCommands } from './commands/node/register.ts';
import { addReadCommands } from './commands/register-reads.ts';
import { addShellCommands } from './commands/register-shell.ts';
import { addWriteCommands } from './commands/register-writes.ts';
import { addWorkloadCommands } from './commands/workload/register.ts';
import { CommandError, type Io } from './io.ts';

/** Runs one command line (without program name) and gives the exit code: 0, or 1 for a failure (`diff` has its own). */
export async function runCalicoctl(argv: readonly string[], io: Io): Promise<number> {
  try {
    const [first, ...words] = argv;
    if (first === '__complete') await completeWords(buildProgram(io), words, io);
    else await buildProgram(io, argv).parseAsync(argv.map(modernised), { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    const message = describe(error);
    if (message !== '') io.err(`${message}\n`);
    return error instanceof CommandError ? error.exitCode : 1;
  }
}

/** What the shells' completions call; not a command of its own, since its arguments look like options. */
async function completeWords(program: Command, words: readonly string[], io: Io): Promise<void> {
  const { complete } = await import('./commands/complete.ts');
  await complete(program, words, io);
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

/** Commands that are declared together. */
interface Group {
  readonly names: readonly string[];
  readonly add: (program: Command, io: Io) => void;
}

const groups: readonly Group[] = [
  { names: ['get', 'watch', 'export', 'version'], add: addReadCommands },
  { names: ['create', 'apply', 'replace', 'import', 'diff', 'validate'], add: addWriteCommands },
  { names: ['delete', 'patch', 'label', 'edit'], add: addChangeCommands },
  { names: ['completion'], add: addShellCommands },
  { names: ['node'], add: addNodeCommands },
  { names: ['ipam'], add: addIpamCommands },
  { names: ['datastore'], add: addDatastoreCommands },
  { names: ['cluster'], add: addClusterCommands },
  { names: ['convert'], add: addConvertCommand },
  { names: ['workload'], add: addWorkloadCommands },
  { names: ['bgp'], add: addBgpCommands },
  { names: ['explain'], add: addExplainCommands },
];

/** The group of the command that comes first; all, where that can't be told so simply. */
function groupsFor(argv: readonly string[]): readonly Group[] {
  const first = argv.find((argument) => !argument.startsWith('-')) ?? '';
  const named = groups.filter(({ names }) => names.includes(first));
  const asksForHelp = argv.includes('--help') || argv.includes('-h');
  return named.length === 0 || asksForHelp ? groups : named;
}

/** The command line: as far as `argv` needs it, or, for none, the whole. */
export function buildProgram(io: Io, argv: readonly string[] = []): Command {
  const program = new Command('calicoctl')
    .description('manages Calico network and security policy, and looks into nodes')
    .version(VERSION, '-v, --version', 'print the release of this program')
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
  for (const { add } of groupsFor(argv)) add(program, io);
  return program;
}

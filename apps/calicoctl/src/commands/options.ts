import { Option, type Command } from 'commander';
import { withConfig } from './config-option.ts';
import type { AnswerFormat } from './explain/answer-format.ts';

/** Gives a command that changes resources what its dry run can tell besides. */
export function withImpact(command: Command): Command {
  return command
    .option('--impact', 'with --dry-run: whose verdicts would change, and of which live connections of this node')
    .addOption(
      new Option('-o, --output <format>', 'how --impact is printed (default: text)').choices(['text', 'json', 'yaml']),
    );
}

/** Options of commands on resources of a namespace. */
export function withNamespace(command: Command): Command {
  return withConfig(command).option('-n, --namespace <namespace>', 'namespace of the resources (default: default)');
}

/** Options of commands that read files. */
export function withInput(command: Command): Command {
  return command
    .option('-f, --filename <file...>', 'file or directory of YAML or JSON, or - for standard input')
    .option('-R, --recursive', 'read directories in the directory too')
    .option('--skip-empty', 'an input without resources is no error')
    .option('--skip-invalid', 'leave out documents that are not valid, instead of refusing the whole')
    .option('--strict', 'refuse unknown fields, instead of leaving them out');
}

interface InputFlags {
  readonly filename?: readonly string[];
  readonly recursive?: boolean;
  readonly skipEmpty?: boolean;
  readonly skipInvalid?: boolean;
  readonly strict?: boolean;
}

/** What `opts` of a command holds besides, from the options common to all. */
interface CommonFlags {
  readonly config?: string;
  readonly allowVersionMismatch?: boolean;
  readonly namespace?: string;
  readonly dryRun?: boolean;
  readonly impact?: boolean;
  readonly output?: AnswerFormat;
}

/** Flags of commands that read files, under the names that the commands use. */
export function inputOptions(command: Command): CommonFlags &
  Omit<InputFlags, 'filename' | 'recursive' | 'skipEmpty'> & {
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

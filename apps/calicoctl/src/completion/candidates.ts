import type { Argument, Command, Option } from 'commander';

/** What may come next on a command line. */
export type Candidates =
  | { readonly type: 'words'; readonly words: readonly Word[] }
  /** Names of resources of a kind; the datastore has them. */
  | { readonly type: 'names'; readonly kind: string; readonly options: Readonly<Record<string, string>> }
  | { readonly type: 'files' };

export interface Word {
  readonly text: string;
  readonly description: string;
}

/** The values that the arguments and options can take which have a closed set of them. */
export interface KnownValues {
  readonly kinds: readonly Word[];
  readonly outputs: readonly Word[];
}

/** Options whose value is a file's or directory's name. */
const FILE_OPTIONS = new Set([
  '--filename',
  '--config',
  '--kernel-config',
  '--log-dir',
  '--felix-config',
  '--from-report',
  '--kubeconfig',
]);

/**
 * What may stand in the place of the last word, which may be empty or a beginning; words that don't begin so are
 * not left out, shells do that.
 */
export function candidatesFor(program: Command, words: readonly string[], known: KnownValues): Candidates {
  const before = words.slice(0, -1);
  const last = words.at(-1) ?? '';
  const state = walk(program, before);
  if (state.pending !== undefined) return valuesOf(state.pending, known);
  if (last.startsWith('-')) {
    const equals = last.indexOf('=');
    const option = equals < 0 ? undefined : findOption(state.command, last.slice(0, equals));
    if (option === undefined) return { type: 'words', words: optionsOf(state.command) };
    const values = valuesOf(option, known);
    if (values.type !== 'words') return values;
    const prefix = last.slice(0, equals + 1);
    return {
      type: 'words',
      words: values.words.map(({ text, description }) => ({ text: prefix + text, description })),
    };
  }
  const { commands } = state.command;
  if (commands.length > 0) {
    const visible = commands.filter((command) => !command.name().startsWith('__'));
    return {
      type: 'words',
      words: visible.map((command) => ({ text: command.name(), description: command.description() })),
    };
  }
  return argumentValues(state, known);
}

interface State {
  readonly command: Command;
  /** Arguments given so far. */
  readonly args: readonly string[];
  /** Options given so far, by their long names. */
  readonly options: Readonly<Record<string, string>>;
  /** The option whose value comes next. */
  readonly pending: Option | undefined;
}

function walk(program: Command, words: readonly string[]): State {
  let command = program;
  let pending: Option | undefined;
  const args: string[] = [];
  const options: Record<string, string> = {};
  for (const word of words) {
    if (pending !== undefined) {
      options[pending.long ?? ''] = word;
      pending = undefined;
      continue;
    }
    if (word.startsWith('-') && word !== '-') {
      const equals = word.indexOf('=');
      const option = findOption(command, equals < 0 ? word : word.slice(0, equals));
      if (option !== undefined && equals >= 0) options[option.long ?? ''] = word.slice(equals + 1);
      else if (option !== undefined && takesValue(option)) pending = option;
      continue;
    }
    const inner = command.commands.find((candidate) => candidate.name() === word);
    if (inner === undefined) args.push(word);
    else command = inner;
  }
  return { command, args, options, pending };
}

function findOption(command: Command, flag: string): Option | undefined {
  for (let scope: Command | null = command; scope !== null; scope = scope.parent) {
    const found = scope.options.find(({ short, long }) => short === flag || long === flag);
    if (found !== undefined) return found;
  }
  return undefined;
}

function takesValue({ required, optional }: Option): boolean {
  return required || optional;
}

function optionsOf(command: Command): readonly Word[] {
  const all: Word[] = [{ text: '--help', description: 'display help for command' }];
  for (let scope: Command | null = command; scope !== null; scope = scope.parent) {
    for (const { long, short, description, hidden } of scope.options) {
      if (!hidden) all.push({ text: long ?? short ?? '', description });
    }
  }
  return all;
}

function valuesOf(option: Option, known: KnownValues): Candidates {
  const { long = '', argChoices } = option;
  if (argChoices !== undefined) {
    return { type: 'words', words: argChoices.map((text) => ({ text, description: '' })) };
  }
  if (FILE_OPTIONS.has(long)) return { type: 'files' };
  // `-o` of `ipam check` is a file's name.
  if (long === '--output')
    return option.flags.includes('<file>') ? { type: 'files' } : { type: 'words', words: known.outputs };
  return { type: 'words', words: [] };
}

function argumentValues({ command, args, options }: State, known: KnownValues): Candidates {
  const declared: readonly Argument[] = command.registeredArguments;
  const argument = declared[args.length] ?? (declared.at(-1)?.variadic === true ? declared.at(-1) : undefined);
  if (argument === undefined) return { type: 'words', words: [] };
  const name = argument.name();
  if (argument.argChoices !== undefined) {
    return { type: 'words', words: argument.argChoices.map((text) => ({ text, description: '' })) };
  }
  if (name === 'kind' || name === 'kinds') return { type: 'words', words: known.kinds };
  const [kind] = args;
  if ((name === 'name' || name === 'names') && kind !== undefined) return { type: 'names', kind, options };
  return { type: 'words', words: [] };
}

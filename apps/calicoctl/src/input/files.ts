import { createReadStream, readdirSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { CommandError, type Io } from '../io.ts';

export interface InputFile {
  /** As the user knows it; `<stdin>` for standard input. */
  readonly name: string;
  /** The text, in parts. */
  readonly chunks: AsyncIterable<string>;
}

const EXTENSIONS: ReadonlySet<string> = new Set(['.yaml', '.yml', '.json']);

/**
 * What `-f` names: a file, `-` for standard input, or the YAML and JSON files of a directory (with `recursive`
 * also of those in it), in the order of their names. A file is opened when its text is asked for.
 *
 * @throws CommandError when something is not there or can't be read, also while the text is read.
 */
export function inputFiles(names: readonly string[], recursive: boolean, io: Io): readonly InputFile[] {
  return names.flatMap((name) =>
    name === '-'
      ? [{ name: '<stdin>', chunks: standardInput(io) }]
      : pathsOf(name, recursive).map((path) => ({ name: path, chunks: textOf(path) })),
  );
}

async function* standardInput(io: Io): AsyncGenerator<string> {
  yield await io.readStdin();
}

async function* textOf(path: string): AsyncGenerator<string> {
  try {
    for await (const chunk of createReadStream(path, { encoding: 'utf8' })) yield chunk as string; // by the encoding
  } catch (error) {
    throw unreadable(error);
  }
}

function pathsOf(path: string, recursive: boolean): readonly string[] {
  try {
    return statSync(path).isDirectory() ? filesIn(path, recursive) : [path];
  } catch (error) {
    throw unreadable(error);
  }
}

function unreadable(cause: unknown): CommandError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new CommandError(`failed to execute command: ${message}`, { cause });
}

function filesIn(directory: string, recursive: boolean): readonly string[] {
  const entries = readdirSync(directory, { withFileTypes: true });
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      if (statSync(path).isDirectory()) return recursive ? filesIn(path, true) : [];
      return EXTENSIONS.has(extname(entry.name).toLowerCase()) ? [path] : [];
    });
}

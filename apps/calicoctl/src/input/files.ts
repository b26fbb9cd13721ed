import { readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { CommandError, type Io } from '../io.ts';

export interface InputFile {
  /** As the user knows it; `<stdin>` for standard input. */
  readonly name: string;
  readonly text: string;
}

const EXTENSIONS: ReadonlySet<string> = new Set(['.yaml', '.yml', '.json']);

/**
 * Reads what `-f` names: a file, `-` for standard input, or the YAML and JSON files of a directory (with
 * `recursive` also of those in it), in the order of their names.
 *
 * @throws CommandError when something can't be read.
 */
export async function readInputFiles(
  names: readonly string[],
  recursive: boolean,
  io: Io,
): Promise<readonly InputFile[]> {
  const files: InputFile[] = [];
  for (const name of names) {
    if (name === '-') files.push({ name: '<stdin>', text: await io.readStdin() });
    else files.push(...readPath(name, recursive));
  }
  return files;
}

function readPath(path: string, recursive: boolean): readonly InputFile[] {
  try {
    if (!statSync(path).isDirectory()) return [{ name: path, text: readFileSync(path, 'utf8') }];
    return filesIn(path, recursive).map((name) => ({ name, text: readFileSync(name, 'utf8') }));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new CommandError(`failed to execute command: ${message}`, { cause: error });
  }
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

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError, type Io } from '../io.ts';

/** A file that the user edits, once or more. */
export interface EditFile {
  /** Lets the user edit a text; gives what was saved. @throws CommandError when the editor fails. */
  edit(text: string): Promise<string>;
  /** An error after which the file stays, so that no work is lost. */
  keep(message: string): CommandError;
}

/** Makes a file that only the user can read, and removes it unless it is to be kept. */
export async function withEditedFile<T>(io: Io, name: string, use: (file: EditFile) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'calicoctl-edit-'));
  const path = join(directory, `${name.replaceAll(/[^\w.-]/g, '_').slice(0, 100)}.yaml`);
  const state = { isKept: false };
  const keep = (message: string): CommandError => {
    state.isKept = true;
    return new CommandError(`${message}\nWhat you saved is in ${path}`);
  };
  try {
    return await use({
      edit: async (text) => {
        await writeFile(path, text, { mode: 0o600 });
        const editor = editorOf(io.env);
        const code = await io.runInteractive(editor, [path]);
        if (code !== 0) throw keep(`the editor '${editor}' ended with exit code ${code}; nothing was written`);
        return await readFile(path, 'utf8');
      },
      keep,
    });
  } finally {
    if (!state.isKept) await rm(directory, { recursive: true, force: true });
  }
}

function editorOf(env: Io['env']): string {
  return [env['VISUAL'], env['EDITOR']].find((command) => command !== undefined && command !== '') ?? 'vi';
}

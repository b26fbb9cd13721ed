import type { Command } from 'commander';
import { findKind, kindInfo, kinds } from '@calico-node/model';
import { candidatesFor, type Word } from '../completion/candidates.ts';
import type { Io } from '../io.ts';
import { withSession } from '../session.ts';
import { namespaceFor } from './targets.ts';

/** A shell waits for the answer with the user's next key. */
const NAMES_TIMEOUT_MS = 2000;

const outputs: readonly Word[] = [
  'ps',
  'wide',
  'yaml',
  'json',
  'name',
  'custom-columns=',
  'go-template=',
  'go-template-file=',
  'jsonpath=',
].map((text) => ({ text, description: '' }));

/** Completes the last of the words of a command line; says nothing when it knows nothing. */
export async function complete(program: Command, words: readonly string[], io: Io): Promise<void> {
  const known = { outputs, kinds: kinds.map((kind) => ({ text: kind.toLowerCase(), description: '' })) };
  const candidates = candidatesFor(program, words, known);
  switch (candidates.type) {
    case 'files':
      io.out(':files\n');
      return;
    case 'words':
      for (const { text, description } of candidates.words) {
        io.out(description === '' ? `${text}\n` : `${text}\t${description}\n`);
      }
      return;
    case 'names':
      for (const name of await namesOf(candidates.kind, candidates.options, io)) io.out(`${name}\n`);
  }
}

async function namesOf(
  kindName: string,
  options: Readonly<Record<string, string>>,
  io: Io,
): Promise<readonly string[]> {
  const kind = findKind(kindName);
  if (kind === undefined) return [];
  const asked = kindInfo(kind).namespaced ? options['--namespace'] : undefined;
  try {
    const { items } = await withSession(
      { config: options['--config'] },
      io,
      ({ resources }) => resources.list(kind, namespaceFor(kind, asked), { timeoutMs: NAMES_TIMEOUT_MS }),
      { checksVersion: false },
    );
    return items.map(({ metadata }) => metadata.name);
  } catch {
    return []; // a shell has no place for an error
  }
}

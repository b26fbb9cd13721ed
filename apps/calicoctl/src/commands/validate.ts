import { CommandError, type Io } from '../io.ts';
import { loadResources, type LoadOptions } from '../input/load.ts';
import { reportOutcome } from './outcome.ts';

/** `calicoctl validate`: every check that needs no datastore. */
export async function validate(options: LoadOptions, io: Io): Promise<void> {
  if (options.filenames.length === 0) throw new CommandError('give a file with -f, or - for standard input');
  const loaded = await loadResources(options, io);
  const kinds = new Set(loaded.map(({ resource }) => resource.kind));
  const [kind] = kinds;
  const count = loaded.length;
  reportOutcome(
    { base: 'validate', past: 'validated' },
    { total: count, handled: count, kind: kinds.size === 1 ? kind : undefined, errors: [] },
    io,
  );
}

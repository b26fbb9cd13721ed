import type { Io } from '../io.ts';
import type { LoadOptions } from '../input/load.ts';
import { stageResources } from '../input/stage.ts';
import { reportOutcome } from './outcome.ts';

/** `calicoctl validate`: every check that needs no datastore. */
export async function validate(options: LoadOptions, io: Io): Promise<void> {
  await using staged = await stageResources(options, io);
  const { total, kind } = staged;
  reportOutcome(
    { base: 'validate', past: 'validated' },
    { total, handled: total, failed: 0, kind, errors: [], isInterrupted: false },
    io,
  );
}

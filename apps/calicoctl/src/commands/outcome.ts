import { CommandError, type Io } from '../io.ts';

/** What became of a command over several resources. */
export interface Outcome {
  /** How many resources there were. */
  readonly total: number;
  /** How many were dealt with, those skipped on request included. */
  readonly handled: number;
  /** Their kind, when all have the same. */
  readonly kind: string | undefined;
  readonly errors: readonly string[];
}

interface Verb {
  /** `apply` */
  readonly base: string;
  /** `applied` */
  readonly past: string;
}

/**
 * Says what was done to how many resources, in calicoctl's words (calico-calicoctl 9.3).
 * @throws CommandError when anything failed.
 */
export function reportOutcome(verb: Verb, { total, handled, kind, errors }: Outcome, io: Io): void {
  const list = `[${errors.join(' ')}]`;
  if (total === 0) {
    io.out('No resources specified\n');
  } else if (errors.length === 0) {
    io.out(`Successfully ${verb.past} ${handled}${kind === undefined ? '' : ` '${kind}'`} resource(s)\n`);
  } else if (handled > 0) {
    const noun = kind === undefined ? 'resources' : `'${kind}' resources`;
    io.out(`Partial success: ${verb.past} the first ${handled} out of ${total} ${noun}:\n`);
    throw new CommandError(`hit error: ${list}`);
  } else if (total === 1) {
    throw new CommandError(`failed to ${verb.base} '${kind ?? ''}' resource: ${list}`);
  } else {
    throw new CommandError(`failed to ${verb.base} any ${kind === undefined ? '' : `'${kind}' `}resources: ${list}`);
  }
}

import { CommandError, type Io } from '../io.ts';

/** What became of a command over several resources. */
export interface Outcome {
  /** How many resources there were. */
  readonly total: number;
  /** How many were dealt with, those skipped on request included. */
  readonly handled: number;
  /** How many could not be dealt with. */
  readonly failed: number;
  /** Their kind, when all have the same. */
  readonly kind: string | undefined;
  /** What went wrong, in the order of the resources; not more than can be read. */
  readonly errors: readonly string[];
  /** The user asked to stop before the end. */
  readonly isInterrupted: boolean;
}

export interface Verb {
  /** `apply` */
  readonly base: string;
  /** `applied` */
  readonly past: string;
}

/**
 * Says what was done to how many resources, in the words of Calico's calicoctl.
 * @throws CommandError when anything failed.
 */
export function reportOutcome(verb: Verb, outcome: Outcome, io: Io): void {
  const { total, handled, failed, kind, errors } = outcome;
  const list = `[${errors.join(' ')}${failed > errors.length ? ` ... and ${failed - errors.length} more` : ''}]`;
  if (outcome.isInterrupted) {
    const failures = failed === 0 ? '' : `; hit error: ${list}`;
    throw new CommandError(
      `interrupted: ${verb.past} ${handled} out of ${total} resources; run it again to do the rest${failures}`,
    );
  }
  if (total === 0) {
    io.out('No resources specified\n');
  } else if (failed === 0) {
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

import { CommandError } from '../io.ts';
import type { InputProblem, Position } from './documents.ts';

/** How many problems a refusal lists; an input can have as many as it has lines. */
const MAX_LISTED = 100;

/** `file:line: document 2`, as far as known. */
export function describePosition({ file, line, document }: Position): string {
  const place = line === undefined ? file : `${file}:${line}`;
  return document === 0 ? place : `${place}: document ${document}`;
}

/** `file:line: document 2: Kind(name): spec.field: message`. */
export function describeProblem({ position, subject, path, message }: InputProblem): string {
  const parts = [describePosition(position), subject, path === '' ? undefined : path, message];
  return parts.filter((part) => part !== undefined).join(': ');
}

/** Collects the problems of an input, however many there are. */
export class ProblemList {
  readonly #listed: InputProblem[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(problems: readonly InputProblem[]): void {
    this.#count += problems.length;
    this.#listed.push(...problems.slice(0, MAX_LISTED - this.#listed.length));
  }

  /** @throws InputError if there are any. */
  throwIfAny(): void {
    if (this.#count > 0) throw new InputError(this.#listed, this.#count);
  }
}

/** Input that is refused whole; the message has a line per problem. */
export class InputError extends CommandError {
  readonly problems: readonly InputProblem[];

  constructor(problems: readonly InputProblem[], count = problems.length) {
    const more = count - problems.length;
    const summary = `${count} ${count === 1 ? 'problem was' : 'problems were'} found; nothing was changed`;
    super([...problems.map(describeProblem), ...(more > 0 ? [`... and ${more} more`] : []), summary].join('\n'));
    this.problems = problems;
  }
}

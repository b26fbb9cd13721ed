import type { Complain, RenderProblem } from './resources.ts';

/** Collects problems, each once, in the order in which they were first met. */
export class Problems {
  readonly #problems = new Map<string, RenderProblem>();

  /** @param known what was met before */
  constructor(known: readonly RenderProblem[] = []) {
    for (const { subject, message } of known) this.complain(subject, message);
  }

  readonly complain: Complain = (subject, message) => {
    this.#problems.set(`${subject}\n${message}`, { subject, message });
  };

  list(): readonly RenderProblem[] {
    return [...this.#problems.values()];
  }
}

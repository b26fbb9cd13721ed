/** One problem in a document. */
export interface Issue {
  /** Where: `spec.ingress[0].protocol`; empty for the whole document. */
  readonly path: string;
  /** What stands there. */
  readonly value: unknown;
  readonly message: string;
}

/** A document that is refused whole; `issues` lists every problem found. */
export class ValidationError extends Error {
  override readonly name = 'ValidationError';
  readonly code = 'validation';
  readonly issues: readonly Issue[];

  constructor(subject: string, issues: readonly Issue[]) {
    const lines = issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
    super(`${subject} is not valid: ${lines.join('; ')}`);
    this.issues = issues;
  }
}

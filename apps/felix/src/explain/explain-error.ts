/** The question has no one answer; `code` is closed. */
export class ExplainError extends Error {
  override readonly name = 'ExplainError';
  readonly code: 'unknown-endpoint' | 'ambiguous-endpoint' | 'no-address' | 'no-common-family' | 'elsewhere';

  constructor(code: ExplainError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

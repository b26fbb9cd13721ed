/** Text that is no selector; `position` is the index in `input` where that became clear. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
  readonly code = 'invalid-selector';
  readonly input: string;
  readonly position: number;

  constructor(input: string, position: number, problem: string) {
    super(`${problem} at position ${position}`);
    this.input = input;
    this.position = position;
  }
}

/** A template that can't be read, or can't be applied to the data; the message says where. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  readonly code = 'template';
  /** Counted from 1. */
  readonly line: number;
  readonly column: number;
  /** The message without its place. */
  readonly detail: string;

  constructor(text: string, offset: number, message: string) {
    const before = text.slice(0, offset).split('\n');
    const [line, column] = [before.length, Array.from(before.at(-1) ?? '').length + 1];
    super(`template:${line}:${column}: ${message}`);
    this.line = line;
    this.column = column;
    this.detail = message;
  }
}

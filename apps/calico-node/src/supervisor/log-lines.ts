/** Lines longer than this are cut into pieces. */
const maxLineLength = 64 * 1024;

/** Cuts a byte stream into lines. Holds at most one line of 64 Ki characters. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new TextDecoder();
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(bytes: Uint8Array): void {
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    for (let end = this.#rest.indexOf('\n'); end >= 0; end = this.#rest.indexOf('\n')) {
      this.#emit(this.#rest.slice(0, end));
      this.#rest = this.#rest.slice(end + 1);
    }
    while (this.#rest.length >= maxLineLength) {
      this.#onLine(this.#rest.slice(0, maxLineLength));
      this.#rest = this.#rest.slice(maxLineLength);
    }
  }

  /** Gives out what stands after the last line end. */
  end(): void {
    if (this.#rest !== '') this.#emit(this.#rest);
    this.#rest = '';
  }

  #emit(line: string): void {
    if (line !== '') this.#onLine(line);
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export interface LogLine {
  /** One line of JSON with `component`, for the merged stream. */
  readonly json: string;
  /** What it says, when it tells of a failure: kept as the child's last words. */
  readonly complaint: string | undefined;
}

function complaintOf(record: Readonly<Record<string, unknown>>): string | undefined {
  if (record['level'] !== 'error' && record['level'] !== 'fatal') return undefined;
  const err = record['err'];
  const message = isRecord(err) && typeof err['message'] === 'string' ? `: ${err['message']}` : '';
  return `${typeof record['msg'] === 'string' ? record['msg'] : 'error'}${message}`;
}

/** Lines of an uncaught error that say nothing by themselves: source excerpts, stack frames, braces, the version. */
const noise = /^(?:\s|[{}]|node:|file:|Node\.js v)/;

/** One line that a child wrote, for the merged stream: JSON with a component passes as it is. */
export function mergeLine(line: string, component: string, time: Date): LogLine {
  try {
    const record: unknown = JSON.parse(line);
    if (isRecord(record)) {
      const json = typeof record['component'] === 'string' ? line : JSON.stringify({ component, ...record });
      return { json, complaint: complaintOf(record) };
    }
  } catch {
    // Not JSON: a message of Node.js itself, or of a program that the child started.
  }
  const json = JSON.stringify({ level: 'warn', time: time.toISOString(), component, msg: line });
  return { json, complaint: noise.test(line) ? undefined : line };
}

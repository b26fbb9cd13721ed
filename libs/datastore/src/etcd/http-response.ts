/** An HTTP/1.1 answer, whole. */
export interface HttpResponse {
  readonly status: number;
  readonly body: Buffer;
}

/** What the reader waits for. */
type State =
  | { readonly name: 'head' }
  | { readonly name: 'chunk-size' | 'chunk-end' | 'trailer'; readonly status: number }
  | { readonly name: 'body' | 'chunk'; readonly status: number; readonly missing: number };

/** More than any server says before it comes to the point. */
const MAX_HEAD_BYTES = 64 * 1024;

/**
 * Reads HTTP/1.1 answers (RFC 9112) from bytes as they come, cut anywhere. Bodies have a length or are chunked; one
 * that ends with the connection is refused, as are answers without a final status.
 */
export class HttpResponseReader {
  #state: State = { name: 'head' };
  /** What was received and not read yet. */
  #rest: Buffer = Buffer.alloc(0);
  #parts: Buffer[] = [];

  /** The answers that these bytes complete. @throws Error for what is not HTTP/1.1; the reader is of no use then. */
  push(bytes: Buffer): readonly HttpResponse[] {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const responses: HttpResponse[] = [];
    for (let goesOn = true; goesOn;) goesOn = this.#step(responses);
    return responses;
  }

  /** Reads one element, if it is there whole (of a body, as much as is there). */
  #step(responses: HttpResponse[]): boolean {
    const state = this.#state;
    switch (state.name) {
      case 'head': {
        const head = this.#takeUpTo('\r\n\r\n');
        if (head !== undefined) this.#state = afterHead(head);
        return head !== undefined;
      }
      case 'chunk-size': {
        const line = this.#takeUpTo('\r\n');
        if (line === undefined) return false;
        const missing = chunkSize(line);
        this.#state = missing === 0 ? { ...state, name: 'trailer' } : { ...state, name: 'chunk', missing };
        return true;
      }
      case 'chunk-end': {
        const line = this.#takeUpTo('\r\n');
        if (line === undefined) return false;
        if (line !== '') throw new Error('a chunk is longer than it says');
        this.#state = { ...state, name: 'chunk-size' };
        return true;
      }
      case 'trailer': {
        const line = this.#takeUpTo('\r\n');
        if (line === '') this.#finish(state.status, responses);
        return line !== undefined;
      }
      case 'body':
      case 'chunk': {
        const part = this.#rest.subarray(0, state.missing);
        this.#rest = this.#rest.subarray(part.length);
        if (part.length > 0) this.#parts.push(part);
        const missing = state.missing - part.length;
        if (missing > 0) {
          this.#state = { ...state, missing };
          return false;
        }
        if (state.name === 'chunk') this.#state = { name: 'chunk-end', status: state.status };
        else this.#finish(state.status, responses);
        return true;
      }
    }
  }

  #finish(status: number, responses: HttpResponse[]): void {
    responses.push({ status, body: Buffer.concat(this.#parts) });
    this.#parts = [];
    this.#state = { name: 'head' };
  }

  #takeUpTo(end: string): string | undefined {
    const index = this.#rest.indexOf(end);
    if (index < 0) {
      if (this.#rest.length > MAX_HEAD_BYTES) throw new Error('not HTTP/1.1: a line without an end');
      return undefined;
    }
    const text = this.#rest.toString('latin1', 0, index);
    this.#rest = this.#rest.subarray(index + end.length);
    return text;
  }
}

function afterHead(head: string): State {
  const [first = '', ...fields] = head.split('\r\n');
  const status = Number(/^HTTP\/1\.1 ([2-5]\d\d)(?: |$)/.exec(first)?.[1]);
  if (Number.isNaN(status)) throw new Error(`not the start of an HTTP/1.1 answer: ${first.slice(0, 80)}`);
  if (/^chunked$/i.test(fieldOf(fields, 'transfer-encoding') ?? '')) return { name: 'chunk-size', status };
  const length = fieldOf(fields, 'content-length') ?? '';
  if (!/^\d{1,15}$/.test(length)) throw new Error('an HTTP answer of no stated length');
  return { name: 'body', status, missing: Number(length) };
}

function fieldOf(fields: readonly string[], name: string): string | undefined {
  const field = fields.find((line) => line.slice(0, line.indexOf(':')).toLowerCase() === name);
  return field?.slice(field.indexOf(':') + 1).trim();
}

function chunkSize(line: string): number {
  const digits = /^[0-9a-f]{1,12}(?=;|\s*$)/i.exec(line)?.[0];
  if (digits === undefined) throw new Error('not the size of a chunk');
  return Number.parseInt(digits, 16);
}

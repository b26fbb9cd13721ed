import { open, unlink, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { splitLines } from './pieces.ts';

/** How much text is held in memory, in characters. */
const DEFAULT_LIMIT = 4 << 20;

/**
 * A list of JSON values, written once, then read in order any number of times. What exceeds the limit goes to a
 * temporary file which has no name any more, so that it goes with the process whatever happens to it.
 */
export class Spool<T> implements AsyncDisposable {
  readonly #limit: number;
  #lines: string[] = [];
  #size = 0;
  #count = 0;
  #file: FileHandle | undefined;

  constructor(limit = DEFAULT_LIMIT) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#count;
  }

  async add(value: T): Promise<void> {
    const line = `${JSON.stringify(value)}\n`;
    this.#lines.push(line);
    this.#size += line.length;
    this.#count += 1;
    if (this.#size > this.#limit) await this.#flush();
  }

  async *items(): AsyncGenerator<T> {
    if (this.#file !== undefined) {
      await this.#flush();
      const text = this.#file.createReadStream({ start: 0, autoClose: false, encoding: 'utf8' });
      // Each line is one that `add` wrote.
      for await (const line of splitLines(text as AsyncIterable<string>)) yield JSON.parse(line) as T;
    }
    for (const line of this.#lines) yield JSON.parse(line) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async #flush(): Promise<void> {
    if (this.#lines.length === 0) return;
    this.#file ??= await openNameless();
    await this.#file.appendFile(this.#lines.join(''));
    this.#lines = [];
    this.#size = 0;
  }
}

async function openNameless(): Promise<FileHandle> {
  const path = join(tmpdir(), `calicoctl-${globalThis.crypto.randomUUID()}`);
  const file = await open(path, 'ax+', 0o600);
  await unlink(path);
  return file;
}

import { lookup, resolveSrv } from 'node:dns/promises';
import { isDeepStrictEqual } from 'node:util';
import { compareText } from '../derive/resources.ts';

/** One answer to `lookupSRV`, with the names of Go's fields. */
export interface SrvAnswer {
  readonly Target: string;
  readonly Port: number;
  readonly Priority: number;
  readonly Weight: number;
}

interface Answer {
  value: readonly unknown[];
  pending: Promise<void> | undefined;
  /** 0: there was no answer yet. */
  answeredMs: number;
  usedMs: number;
}

/** How old an answer gets before it is asked for anew, and how long an unused one is kept. */
const FRESH_MS = 30_000;
const KEPT_MS = 10 * FRESH_MS;

/**
 * Names that templates look up. Rendering does not wait: it gets what is known, and is told to run again when more is.
 * While a template uses a name, its answer is kept fresh. A name that can't be resolved has no addresses, as in Calico.
 */
export class NameLookups {
  readonly #answers = new Map<string, Answer>();
  readonly #onChange: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Whether a name that was asked for has had no answer yet. */
  get isWaiting(): boolean {
    return [...this.#answers.values()].some(({ answeredMs }) => answeredMs === 0);
  }

  /** Resolves when all that was asked for has had an answer. */
  async settled(): Promise<void> {
    await Promise.all([...this.#answers.values()].flatMap(({ pending }) => pending ?? []));
  }

  /** The addresses of a host, sorted. */
  addresses(name: string): readonly string[] {
    return this.#ask(`ip ${name}`, async () => {
      const found = await lookup(name, { all: true });
      return [...new Set(found.map(({ address }) => address))].sort(compareText);
    });
  }

  /** The servers of a service, sorted. */
  servers(service: string, protocol: string, name: string): readonly SrvAnswer[] {
    const domain = service === '' && protocol === '' ? name : `_${service}._${protocol}.${name}`;
    return this.#ask(`srv ${domain}`, async () => {
      const found = (await resolveSrv(domain)).map((answer) => ({
        Target: `${answer.name}.`,
        Port: answer.port,
        Priority: answer.priority,
        Weight: answer.weight,
      }));
      return found.sort((a, b) => compareText(Object.values(a).join(''), Object.values(b).join('')));
    });
  }

  close(): void {
    clearInterval(this.#timer);
    this.#answers.clear();
  }

  #ask<T>(key: string, resolve: () => Promise<readonly T[]>): readonly T[] {
    const nowMs = Date.now();
    let answer = this.#answers.get(key);
    if (answer === undefined) {
      answer = { value: [], pending: undefined, answeredMs: 0, usedMs: nowMs };
      this.#answers.set(key, answer);
    }
    answer.usedMs = nowMs;
    if (nowMs - answer.answeredMs >= FRESH_MS) answer.pending ??= this.#refresh(answer, resolve);
    this.#timer ??= setInterval(() => {
      this.#tidy();
    }, FRESH_MS).unref();
    // Kept under the key of its kind.
    return answer.value as readonly T[];
  }

  async #refresh(answer: Answer, resolve: () => Promise<readonly unknown[]>): Promise<void> {
    const value = await resolve().catch(() => []);
    const isNews = answer.answeredMs === 0 || !isDeepStrictEqual(value, answer.value);
    answer.pending = undefined;
    answer.answeredMs = Date.now();
    answer.value = value;
    if (isNews) this.#onChange();
  }

  /** Rendering again is what asks again. */
  #tidy(): void {
    const nowMs = Date.now();
    for (const [key, { usedMs }] of this.#answers) if (nowMs - usedMs > KEPT_MS) this.#answers.delete(key);
    if (this.#answers.size > 0) this.#onChange();
  }
}

import { ConfigError } from '@calico-node/service';

export type Variables = Readonly<Record<string, string | undefined>>;

const falseWords = ['false', '0', 'no', 'n', 'f'];
const trueWords = ['true', '1', 'yes', 'y', 't'];

/**
 * Reads environment variables into typed values and keeps a list of what is wrong, so that everything is
 * named before anything is changed. A variable that is absent or empty gives the fallback.
 */
export class EnvReader {
  readonly #env: Variables;
  readonly #problems: string[] = [];

  constructor(env: Variables) {
    this.#env = env;
  }

  /** Whether the variable has a value that is not empty. */
  has(name: string): boolean {
    return (this.#env[name] ?? '') !== '';
  }

  text(name: string, fallback = ''): string {
    const value = this.#env[name]?.trim() ?? '';
    return value === '' ? fallback : value;
  }

  /** The parsed value; `parse` throws or gives undefined for what is not allowed. */
  parsed<T>(name: string, fallback: T, parse: (text: string) => T | undefined, allowed: string): T {
    const text = this.text(name);
    if (text === '') return fallback;
    try {
      const value = parse(text);
      if (value !== undefined) return value;
    } catch {
      // Reported below, with what is allowed.
    }
    this.problem(name, text, allowed);
    return fallback;
  }

  /** Calico's words for booleans, in any case. */
  flag(name: string, fallback: boolean): boolean {
    const parse = (text: string): boolean | undefined => {
      const word = text.toLowerCase();
      return trueWords.includes(word) ? true : falseWords.includes(word) ? false : undefined;
    };
    return this.parsed(name, fallback, parse, `one of ${[...trueWords, ...falseWords].join(', ')}`);
  }

  integer(name: string, fallback: number, least: number, most: number): number {
    const parse = (text: string): number | undefined => {
      const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
      return value >= least && value <= most ? value : undefined;
    };
    return this.parsed(name, fallback, parse, `an integer from ${least} to ${most}`);
  }

  /** One of the given words, in any case and with or without dashes; gives the word's value. */
  word<T>(name: string, fallback: T, words: Readonly<Record<string, T>>): T {
    const plain = (text: string): string => text.toLowerCase().replaceAll('-', '');
    const parse = (text: string): T | undefined =>
      Object.entries(words).find(([word]) => plain(word) === plain(text))?.[1];
    return this.parsed(name, fallback, parse, `one of ${Object.keys(words).join(', ')}`);
  }

  problem(name: string, value: string, allowed: string): void {
    this.#problems.push(`${name}='${value}': must be ${allowed}`);
  }

  /** Refuses names that begin with a prefix of ours but are none of `known`: most likely misspelt. */
  refuseUnknown(prefix: string, known: readonly string[]): void {
    for (const [name, value] of Object.entries(this.#env)) {
      if (value !== undefined && name.startsWith(prefix) && !known.includes(name)) {
        this.#problems.push(`${name}='${value}': unknown variable; there are ${known.join(', ')}`);
      }
    }
  }

  /** @throws ConfigError naming every problem, one a line. */
  throwProblems(): void {
    if (this.#problems.length === 0) return;
    throw new ConfigError(`the environment has mistakes; nothing was changed\n  ${this.#problems.join('\n  ')}`);
  }
}

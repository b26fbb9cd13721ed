import { ConfigError } from '@calico-node/service';
import { isMisspelt } from './misspelt.ts';
import type { Variable } from './variables.ts';

export type Variables = Readonly<Record<string, string | undefined>>;

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

  read<T>(name: string, { fallback, parse, allowed }: Variable<T>): T {
    const text = this.#env[name]?.trim() ?? '';
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

  problem(name: string, value: string, allowed: string): void {
    this.#problems.push(`${name}='${value}': must be ${allowed}`);
  }

  /** Refuses names that begin with a prefix of ours but are none of `known`. */
  refuseUnknown(prefix: string, known: readonly string[]): void {
    for (const [name, value] of Object.entries(this.#env)) {
      if (value !== undefined && name.startsWith(prefix) && !known.includes(name)) {
        this.#problems.push(`${name}='${value}': unknown variable; there are ${known.join(', ')}`);
      }
    }
  }

  /** Refuses names that are almost one of `known`. */
  refuseMisspelt(known: readonly string[]): void {
    for (const [name, value] of Object.entries(this.#env)) {
      const meant =
        value === undefined || known.includes(name) ? undefined : known.find((one) => isMisspelt(name, one));
      if (meant !== undefined)
        this.#problems.push(`${name}='${value ?? ''}': unknown variable; did you mean ${meant}?`);
    }
  }

  /** @throws ConfigError naming every problem, one a line. */
  throwProblems(): void {
    if (this.#problems.length === 0) return;
    throw new ConfigError(`the environment has mistakes; nothing was changed\n  ${this.#problems.join('\n  ')}`);
  }
}

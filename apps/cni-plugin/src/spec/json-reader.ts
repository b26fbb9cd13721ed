/** JSON objects as they come: nothing about them is known. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Reads fields of a JSON object by type and keeps a list of what is wrong, each with its path, so that a
 * document is refused whole with every problem named. An absent or null field gives the fallback.
 */
export class JsonReader {
  readonly problems: string[];
  readonly #object: JsonObject;
  readonly #path: string;

  constructor(object: JsonObject, path = '', problems: string[] = []) {
    this.#object = object;
    this.#path = path;
    this.problems = problems;
  }

  #take<T>(name: string, fallback: T, parse: (value: unknown) => T | undefined, expected: string): T {
    const value = this.#object[name];
    if (value === undefined || value === null) return fallback;
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    this.problems.push(`${this.#path}${name}: ${JSON.stringify(value)} is not ${expected}`);
    return fallback;
  }

  text(name: string, fallback = ''): string {
    return this.#take(name, fallback, (value) => (typeof value === 'string' ? value : undefined), 'a string');
  }

  /** A string for which `accept` holds. */
  textLike(name: string, fallback: string, accept: (text: string) => boolean, expected: string): string {
    return this.#take(
      name,
      fallback,
      (value) => (typeof value === 'string' && accept(value) ? value : undefined),
      expected,
    );
  }

  integer(name: string, fallback: number, least: number, most: number): number {
    const accept = (value: unknown): number | undefined =>
      typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most ? value : undefined;
    return this.#take(name, fallback, accept, `an integer from ${least} to ${most}`);
  }

  /** A boolean, or the strings "true" and "false" that older configurations carry. */
  flag(name: string, fallback: boolean): boolean {
    const accept = (value: unknown): boolean | undefined => {
      if (typeof value === 'boolean') return value;
      return value === 'true' ? true : value === 'false' ? false : undefined;
    };
    return this.#take(name, fallback, accept, 'true or false');
  }

  texts(name: string): readonly string[] {
    const accept = (value: unknown): readonly string[] | undefined =>
      Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
    return this.#take(name, [], accept, 'a list of strings');
  }

  objects(name: string): readonly JsonObject[] {
    const accept = (value: unknown): readonly JsonObject[] | undefined =>
      Array.isArray(value) && value.every(isObject) ? value : undefined;
    return this.#take(name, [], accept, 'a list of objects');
  }

  has(name: string): boolean {
    return this.#object[name] !== undefined && this.#object[name] !== null;
  }

  /** The nested object's reader; of an empty object when it is absent. */
  nested(name: string): JsonReader {
    const object = this.#take<JsonObject>(name, {}, (value) => (isObject(value) ? value : undefined), 'an object');
    return new JsonReader(object, `${this.#path}${name}.`, this.problems);
  }

  /** The object itself. */
  get object(): JsonObject {
    return this.#object;
  }
}

import { isDeepStrictEqual } from 'node:util';
import type { FelixParameters, Parameter, ParameterName } from './parameters.ts';
import { parameterNames, parameters } from './parameters.ts';
import type { Source } from './sources.ts';

/** A text that was not taken. */
export interface ConfigProblem {
  readonly parameter: ParameterName;
  readonly source: string;
  readonly value: string;
  readonly message: string;
  /** Felix cannot go on with it. */
  readonly fatal: boolean;
}

/** Something that was set and has no effect. */
export interface IdleSetting {
  readonly name: string;
  readonly source: string;
  readonly reason: string;
}

export interface Resolved {
  readonly values: FelixParameters;
  readonly problems: readonly ConfigProblem[];
  /** Names that are no parameter's, and parameters without an effect here that are not as by default. */
  readonly idle: readonly IdleSetting[];
  /** The source of each value that is not the default. */
  readonly origins: ReadonlyMap<ParameterName, string>;
}

/**
 * The value of every parameter: from the first source that gives one that can be read, else the default. What cannot
 * be read is reported, once per source, and hidden by nothing.
 */
export function resolveParameters(sources: readonly Source[]): Resolved {
  const problems: ConfigProblem[] = [];
  const origins = new Map<ParameterName, string>();
  const idle: IdleSetting[] = sources.flatMap(({ name: source, unknown = [] }) =>
    unknown.map((name) => ({ name, source, reason: 'Felix has no such parameter' })),
  );
  const values = parameterNames.map((name) => {
    const known: Parameter<unknown> = parameters[name];
    for (const source of sources) {
      const raw = source.values.get(name);
      if (raw === undefined) continue;
      const read = readValue(known, raw);
      if ('value' in read) {
        origins.set(name, source.name);
        if (known.idle !== undefined && !isDeepStrictEqual(read.value, known.default))
          idle.push({ name, source: source.name, reason: known.idle });
        return [name, read.value];
      }
      const { message } = read;
      problems.push({ parameter: name, source: source.name, value: raw, message, fatal: known.fatal === true });
    }
    return [name, known.default];
  });
  // Each value was read by the type of its own parameter.
  return { values: Object.fromEntries(values) as FelixParameters, problems, idle, origins };
}

/** What running parts of Felix were made from: without what has no effect, and what changes while they run. */
export function startingValues(values: FelixParameters): Partial<FelixParameters> {
  const kept = parameterNames.filter((name) => {
    const { live, idle }: Parameter<unknown> = parameters[name];
    return live !== true && idle === undefined;
  });
  return Object.fromEntries(kept.map((name) => [name, values[name]]));
}

function readValue({ type, nonZero }: Parameter<unknown>, raw: string): { value: unknown } | { message: string } {
  if (raw.toLowerCase() === 'none') {
    return nonZero === true ? { message: `'none' is not allowed; it takes ${type.allowed}` } : { value: type.zero };
  }
  const value = type.parse(raw);
  return value === undefined ? { message: `it takes ${type.allowed}` } : { value };
}

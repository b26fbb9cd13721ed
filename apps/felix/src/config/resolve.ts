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
  /**
   * Names that are no parameter's, parameters without an effect here that are not as by default, and what gives way to a
   * default that a more specific source spells out.
   */
  readonly idle: readonly IdleSetting[];
  /** The source of each value that is not the default. */
  readonly origins: ReadonlyMap<ParameterName, string>;
}

/**
 * The value of every parameter: from the first source that sets it, else the default. What cannot be read is reported,
 * in every source, and makes the default the value, whatever later sources say (as in Felix, where nobody is to wonder
 * which of several settings a misspelt one gave way to).
 */
export function resolveParameters(sources: readonly Source[]): Resolved {
  const problems: ConfigProblem[] = [];
  const origins = new Map<ParameterName, string>();
  const idle: IdleSetting[] = sources.flatMap(({ name: source, unknown = [] }) =>
    unknown.map((name) => ({ name, source, reason: 'Felix has no such parameter' })),
  );
  const values = parameterNames.map((name) => {
    const known: Parameter<unknown> = parameters[name];
    const found = sources.flatMap((source) => {
      const raw = source.values.get(name);
      return raw === undefined ? [] : [{ source: source.name, raw, read: readValue(known, raw) }];
    });
    for (const { source, raw, read } of found)
      if ('message' in read) problems.push({ parameter: name, source, value: raw, ...read });
    const [first] = found;
    if (first === undefined || 'message' in first.read) return [name, known.default];
    const { value } = first.read;
    origins.set(name, first.source);
    if (known.idle === undefined) idle.push(...hiddenBy(first.source, name, value, found));
    else if (!isDeepStrictEqual(value, known.default)) idle.push({ name, source: first.source, reason: known.idle });
    return [name, value];
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

/**
 * Calico's client writes some defaults into every FelixConfiguration that it stores, and so hides what those for more
 * nodes say.
 */
function hiddenBy(
  first: string,
  name: ParameterName,
  value: unknown,
  found: readonly { readonly source: string; readonly raw: string; readonly read: object }[],
): readonly IdleSetting[] {
  const isStored = (source: string): boolean => source.startsWith('FelixConfiguration ');
  if (!isStored(first) || !isDeepStrictEqual(value, parameters[name].default)) return [];
  return found.flatMap(({ source, raw, read }) =>
    isStored(source) && 'value' in read && !isDeepStrictEqual(read.value, value)
      ? [{ name, source, reason: `it is '${raw}', but ${first} has the default, and goes before it` }]
      : [],
  );
}

function readValue(
  { type, nonZero, fatal }: Parameter<unknown>,
  raw: string,
): { readonly value: unknown } | Pick<ConfigProblem, 'message' | 'fatal'> {
  if (raw.toLowerCase() === 'none') {
    if (nonZero !== true) return { value: type.zero };
    return { message: `'none' is not allowed; it takes ${type.allowed}`, fatal: true };
  }
  const value = type.parse(raw);
  return value === undefined ? { message: `it takes ${type.allowed}`, fatal: fatal === true } : { value };
}

import type { ParameterType } from './parameter-type.ts';

/** One of Felix's configuration parameters. */
export interface Parameter<T> {
  readonly type: ParameterType<T>;
  readonly default: T;
  /** The field of FelixConfiguration's spec; absent for those that only file and environment set. */
  readonly field?: string;
  /** `none` is refused, and ends Felix. */
  readonly nonZero?: true;
  /** A value that cannot be read ends Felix instead of giving way to the default. */
  readonly fatal?: true;
  /** A change takes effect while Felix runs on; else Felix starts over. */
  readonly live?: true;
  /** Why it has no effect here. It is read and checked all the same, and who sets it is told. */
  readonly idle?: string;
}

type Flags<T> = Pick<Parameter<T>, 'nonZero' | 'fatal' | 'live'>;

/** A parameter that Felix acts on. */
export function parameter<T>(type: ParameterType<T>, value: T, field?: string, flags: Flags<T> = {}): Parameter<T> {
  return { type, default: value, ...(field === undefined ? {} : { field }), ...flags };
}

/** A parameter that has no effect here, with its default as text; an empty one is the type's zero. */
export function idle<T>(
  type: ParameterType<T>,
  text: string,
  reason: string,
  field?: string,
  flags: Flags<T> = {},
): Parameter<T> {
  const value = text === '' ? type.zero : type.parse(text);
  if (value === undefined && text !== '') throw new TypeError(`'${text}' is not ${type.allowed}`);
  return { ...parameter(type, value ?? type.zero, field, flags), idle: reason };
}

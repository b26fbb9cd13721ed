/** What a cell may show besides its resource. */
export interface ColumnContext {
  /** The cluster's AS number, which nodes without one of their own have. */
  readonly asNumber: number;
}

/** The text of one cell of calicoctl's tables. */
export type Cell<R> = (resource: R, context: ColumnContext) => string;

/** What calicoctl shows of a kind; NAME, and NAMESPACE where there is one, go without saying. */
export interface Columns<R> {
  readonly get: readonly string[];
  /** As `get` where it is left out. */
  readonly wide?: readonly string[];
  readonly cells: Readonly<Record<string, Cell<R>>>;
}

const MAX_LIST_LENGTH = 80;

export function joined(values: readonly string[] | undefined): string {
  return (values ?? []).join(',');
}

/** A joined list of at most 80 characters, the rest cut to "...". */
export function joinedShort(values: readonly string[] | undefined): string {
  const text = joined(values);
  return text.length > MAX_LIST_LENGTH ? `${text.slice(0, MAX_LIST_LENGTH - 3)}...` : text;
}

/** A nil pointer's text in Go's templates. */
export function orNil(value: boolean | string | undefined): string {
  return value === undefined ? '<nil>' : String(value);
}

/** A float64 as Go's `%v` prints it: with an exponent from a million on and below 0.0001: `1e+06`. */
export function goFloat(value: number | undefined): string {
  if (value === undefined) return '<nil>';
  const scientific = value.toExponential();
  const exponent = Number(scientific.split('e')[1]);
  if (value === 0 || (exponent >= -4 && exponent < 6)) return String(value);
  return scientific.replace(/e([-+])([0-9])$/, 'e$10$2');
}

/** The value, or undefined where it is what Go's `omitempty` counts as nothing: "" or 0. */
export function nonEmpty<T extends string | number>(value: T | undefined): T | undefined {
  return value === '' || value === 0 ? undefined : value;
}

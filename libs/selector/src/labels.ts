/** The labels of one object; a `Map` is one. */
export interface Labels {
  get(name: string): string | undefined;
}

/** The labels of a JSON object, safe for names such as `constructor`. */
export function labelsOf(record: Readonly<Record<string, string>> | undefined): ReadonlyMap<string, string> {
  return new Map(Object.entries(record ?? {}));
}

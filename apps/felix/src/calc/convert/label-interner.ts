import type { LabelMap } from '../label-matcher.ts';

/**
 * Gives equal labels, and equal lists of profiles, as the same object, so that endpoints that are alike share them.
 * Holds at most `capacity` of each, then starts anew: what was given before stays as it is.
 */
export class LabelInterner {
  readonly #labels = new Map<string, LabelMap>();
  readonly #lists = new Map<string, readonly string[]>();
  readonly #capacity: number;

  constructor(capacity = 100_000) {
    this.#capacity = capacity;
  }

  /** The record as a map: without the labels that `isLeftOut` names, and with `added`, which win. */
  labels(
    record: Readonly<Record<string, string>> | undefined,
    isLeftOut: (name: string) => boolean,
    added: readonly (readonly [string, string])[],
  ): LabelMap {
    let key = '';
    let newlines = 0;
    for (const name in record) {
      key += `${name}\n${record[name] ?? ''}\n`;
      newlines += 2;
    }
    for (const [name, value] of added) {
      key += `\n${name}\n${value}\n`;
      newlines += 3;
    }
    const isKey = hasNewlines(key, newlines);
    const known = isKey ? this.#labels.get(key) : undefined;
    if (known !== undefined) return known;
    const labels = new Map(Object.entries(record ?? {}).filter(([name]) => !isLeftOut(name)));
    for (const [name, value] of added) labels.set(name, value);
    if (!isKey) return labels;
    if (this.#labels.size >= this.#capacity) this.#labels.clear();
    this.#labels.set(key, labels);
    return labels;
  }

  list(texts: readonly string[]): readonly string[] {
    const key = texts.join('\n');
    if (!hasNewlines(key, Math.max(0, texts.length - 1))) return texts;
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    if (this.#lists.size >= this.#capacity) this.#lists.clear();
    this.#lists.set(key, texts);
    return texts;
  }
}

/** One more would be in a name or value, where the API takes none: what is unlike would look alike. */
function hasNewlines(text: string, count: number): boolean {
  let found = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) found++;
  return found === count;
}

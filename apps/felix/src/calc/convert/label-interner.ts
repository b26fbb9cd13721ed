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
    // No label name or value holds a newline.
    let key = '';
    for (const name in record) key += `${name}\n${record[name] ?? ''}\n`;
    for (const [name, value] of added) key += `\n${name}\n${value}\n`;
    const known = this.#labels.get(key);
    if (known !== undefined) return known;
    const labels = new Map(Object.entries(record ?? {}).filter(([name]) => !isLeftOut(name)));
    for (const [name, value] of added) labels.set(name, value);
    if (this.#labels.size >= this.#capacity) this.#labels.clear();
    this.#labels.set(key, labels);
    return labels;
  }

  list(texts: readonly string[]): readonly string[] {
    const key = texts.join('\n');
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    if (this.#lists.size >= this.#capacity) this.#lists.clear();
    this.#lists.set(key, texts);
    return texts;
  }
}

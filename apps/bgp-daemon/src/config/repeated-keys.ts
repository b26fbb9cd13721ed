/** A key that an object of a JSON text has twice: the last one would count, and nobody is told of the other. */
export interface RepeatedKey {
  readonly key: string;
  /** Of the second one, from 1 on. */
  readonly line: number;
}

const token = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/g;

/** The first such key of a text that is well-formed; undefined where there is none. */
export function findRepeatedKey(json: string): RepeatedKey | undefined {
  /** Of the objects and lists that are open: the keys of an object. */
  const open: (Set<string> | undefined)[] = [];
  let last: { readonly text: string; readonly at: number } | undefined;
  for (const { 0: text, index: at } of json.matchAll(token)) {
    if (text === '{' || text === '[') open.push(text === '{' ? new Set() : undefined);
    else if (text === '}' || text === ']') open.pop();
    else if (text === ':' && last !== undefined) {
      const key: unknown = JSON.parse(last.text);
      const keys = open.at(-1);
      if (typeof key !== 'string' || keys === undefined) continue;
      if (keys.has(key)) return { key, line: json.slice(0, last.at).split('\n').length };
      keys.add(key);
    }
    last = { text, at };
  }
  return undefined;
}

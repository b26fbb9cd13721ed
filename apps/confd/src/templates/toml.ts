/**
 * TOML as far as confd's template resources use it: tables, and in them keys with text, numbers, booleans and lists
 * of text; comments. Not there: dotted keys, dates, tables in tables.
 */

export type TomlValue = string | number | boolean | readonly string[];

/** A file that can't be read; the message begins with the line. */
export class TomlError extends Error {
  override readonly name = 'TomlError';
  readonly code = 'toml';

  constructor(text: string, offset: number, message: string) {
    super(`${text.slice(0, offset).split('\n').length}: ${message}`);
  }
}

const SPACE = /(?:[ \t]|\r?\n|#[^\n]*)*/y;
const BLANK = /[ \t]*/y;
const LINE_END = /[ \t]*(?:#[^\n]*)?(?:\r?\n|$)/y;
const TABLE = /\[[ \t]*([A-Za-z0-9_-]+)[ \t]*\]/y;
const KEY = /([A-Za-z0-9_-]+)[ \t]*=[ \t]*/y;
const LONG_TEXT = /"""\r?\n?((?:[^\\]|\\[^])*?)"""|'''\r?\n?([^]*?)'''/y;
const TEXT = /"((?:[^"\\\n]|\\[^\n])*)"|'([^'\n]*)'/y;
const WORD = /[+-]?(?:0[xob])?[0-9A-Fa-f_]+(?=[\s#,\]]|$)|true\b|false\b/y;

/** The keys of one table. Keys of other tables are passed over. @throws TomlError */
export function readTomlTable(text: string, name: string): ReadonlyMap<string, TomlValue> {
  const values = new Map<string, TomlValue>();
  let table = '';
  let at = skip(SPACE, text, 0);
  while (at < text.length) {
    const head = match(TABLE, text, at);
    if (head !== null) {
      table = head[1] ?? '';
      at += head[0].length;
    } else {
      const key = match(KEY, text, at);
      if (key === null) throw new TomlError(text, at, 'expected a key and a value');
      const { value, end } = readValue(text, at + key[0].length);
      if (table === name) {
        if (values.has(key[1] ?? '')) throw new TomlError(text, at, `${key[1] ?? ''} is there twice`);
        values.set(key[1] ?? '', value);
      }
      at = end;
    }
    if (match(LINE_END, text, at) === null) throw new TomlError(text, at, 'expected the end of the line');
    at = skip(SPACE, text, at);
  }
  return values;
}

interface Read<T> {
  readonly value: T;
  readonly end: number;
}

function readValue(text: string, at: number): Read<TomlValue> {
  if (text[at] === '[') return readList(text, at);
  const string = readText(text, at);
  if (string !== undefined) return string;
  const word = match(WORD, text, at)?.[0];
  if (word === undefined) throw new TomlError(text, at, 'expected text in quotes, a number, true, false or a list');
  const end = at + word.length;
  if (word === 'true' || word === 'false') return { value: word === 'true', end };
  const value = Number(word.replaceAll('_', ''));
  if (!Number.isInteger(value)) throw new TomlError(text, at, `${word} is no whole number`);
  return { value, end };
}

function readList(text: string, start: number): Read<readonly string[]> {
  const value: string[] = [];
  let at = skip(SPACE, text, start + 1);
  while (text[at] !== ']') {
    const item = readText(text, at);
    if (item === undefined) throw new TomlError(text, at, 'expected text in quotes');
    value.push(item.value);
    at = skip(SPACE, text, item.end);
    if (text[at] === ',') at = skip(SPACE, text, at + 1);
    else if (text[at] !== ']') throw new TomlError(text, at, 'expected , or ]');
  }
  return { value, end: skip(BLANK, text, at + 1) };
}

function readText(text: string, at: number): Read<string> | undefined {
  const found = match(LONG_TEXT, text, at) ?? match(TEXT, text, at);
  if (found === null) return undefined;
  const [whole, escaped, literal] = found;
  const value = literal ?? unescape(text, at, escaped ?? '');
  return { value, end: at + whole.length };
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  t: '\t',
  n: '\n',
  f: '\f',
  r: '\r',
  '"': '"',
  '\\': '\\',
};

function unescape(text: string, at: number, body: string): string {
  return body.replaceAll(/\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([ \t]*\r?\n\s*)|([^]))/g, (whole, ...groups) => {
    const [short, long, lineEnd, single] = groups as (string | undefined)[];
    if (lineEnd !== undefined) return '';
    const code = short ?? long;
    const plain = code === undefined ? ESCAPES[single ?? ''] : fromCode(Number.parseInt(code, 16));
    if (plain === undefined) throw new TomlError(text, at, `unknown escape ${whole}`);
    return plain;
  });
}

function fromCode(code: number): string | undefined {
  return code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
}

function skip(pattern: RegExp, text: string, at: number): number {
  return at + (match(pattern, text, at)?.[0].length ?? 0);
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

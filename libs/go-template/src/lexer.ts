/*
 * The tokens of Go's text/template: text, and within `{{` and `}}` words, literals and signs.
 */
import { TemplateError } from './template-error.ts';

export type Token =
  | { readonly type: 'text'; readonly at: number; readonly text: string }
  | { readonly type: 'open' | 'close' | 'space' | 'end'; readonly at: number }
  | { readonly type: 'literal'; readonly at: number; readonly value: string | number | boolean | null }
  /** `.name`, `$name` (also `$`), a lone `.`, or a word. */
  | { readonly type: 'field' | 'variable' | 'dot' | 'word'; readonly at: number; readonly name: string }
  | { readonly type: 'sign'; readonly at: number; readonly sign: '|' | '(' | ')' | ':=' | '=' | ',' };

const OPEN = '{{';
const CLOSE = '}}';

const COMMENT = /\/\*[^]*?\*\/(\s+-)?\}\}/y;
const SPACE = /\s+/y;
const NAME = /[\p{L}_][\p{L}\p{Nd}_]*/uy;
const FIELD = /\.([\p{L}_][\p{L}\p{Nd}_]*)/uy;
const VARIABLE = /\$([\p{L}\p{Nd}_]*)/uy;
const NUMBER = /[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+)/y;
const STRING = /"((?:[^"\\\n]|\\.)*)"/y;
const RAW = /`([^`]*)`/y;
const CHARACTER = /'([^'\\\n]|\\.[^'\n]*)'/uy;
const SIGN = /:=|[|()=,]/y;

const WORDS: ReadonlyMap<string, boolean | null> = new Map([
  ['true', true],
  ['false', false],
  ['nil', null],
]);

/** @throws TemplateError */
export function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let trimsStart = false;
  while (at < text.length) {
    const open = text.indexOf(OPEN, at);
    const end = open < 0 ? text.length : open;
    const trimsEnd = open >= 0 && /^-\s/.test(text.slice(open + 2, open + 4));
    pushText(tokens, at, text.slice(at, end), trimsStart, trimsEnd);
    if (open < 0) break;
    const inside = open + (trimsEnd ? 3 : 2);
    const comment = commentEnd(text, inside);
    if (comment === undefined) ({ at, trims: trimsStart } = tokenizeAction(text, open, inside, tokens));
    else ({ at, trims: trimsStart } = comment);
  }
  tokens.push({ type: 'end', at: text.length });
  return tokens;
}

function pushText(tokens: Token[], at: number, text: string, trimsStart: boolean, trimsEnd: boolean): void {
  const kept = trimsStart ? text.trimStart() : text;
  const rest = trimsEnd ? kept.trimEnd() : kept;
  if (rest !== '') tokens.push({ type: 'text', at, text: rest });
}

/** A comment fills its action. */
function commentEnd(text: string, at: number): { at: number; trims: boolean } | undefined {
  const start = at + (match(SPACE, text, at)?.[0].length ?? 0);
  const comment = match(COMMENT, text, start);
  return comment === null ? undefined : { at: start + comment[0].length, trims: comment[1] !== undefined };
}

/** The tokens from after `{{` to after `}}`, and whether the text that follows is trimmed. */
function tokenizeAction(text: string, open: number, start: number, tokens: Token[]): { at: number; trims: boolean } {
  tokens.push({ type: 'open', at: open });
  let at = start;
  for (;;) {
    const space = match(SPACE, text, at);
    if (space !== null) {
      const after = at + space[0].length;
      const trims = text.startsWith(`-${CLOSE}`, after);
      if (!trims) tokens.push({ type: 'space', at });
      at = after;
      if (trims) {
        tokens.push({ type: 'close', at });
        return { at: at + 3, trims };
      }
    }
    if (at >= text.length) throw new TemplateError(text, open, 'unclosed action');
    if (text.startsWith(CLOSE, at)) {
      tokens.push({ type: 'close', at });
      return { at: at + 2, trims: false };
    }
    const { token, length } = tokenAt(text, at);
    tokens.push(token);
    at += length;
  }
}

function tokenAt(text: string, at: number): { readonly token: Token; readonly length: number } {
  const readers: readonly (readonly [RegExp, (found: RegExpExecArray) => Token])[] = [
    [SIGN, ([sign]) => ({ type: 'sign', at, sign: sign as Extract<Token, { type: 'sign' }>['sign'] })],
    [FIELD, ([, name = '']) => ({ type: 'field', at, name })],
    [VARIABLE, ([, name = '']) => ({ type: 'variable', at, name })],
    [NUMBER, ([digits]) => ({ type: 'literal', at, value: Number(digits.replace(/^\+/, '')) })],
    [STRING, ([, body = '']) => ({ type: 'literal', at, value: unescape(text, at, body) })],
    [RAW, ([, body = '']) => ({ type: 'literal', at, value: body })],
    [CHARACTER, ([, body = '']) => ({ type: 'literal', at, value: unescape(text, at, body).codePointAt(0) ?? 0 })],
    [
      NAME,
      ([name]) =>
        WORDS.has(name) ? { type: 'literal', at, value: WORDS.get(name) ?? null } : { type: 'word', at, name },
    ],
  ];
  for (const [pattern, toToken] of readers) {
    const found = match(pattern, text, at);
    if (found !== null) return { token: toToken(found), length: found[0].length };
  }
  if (text[at] === '.') return { token: { type: 'dot', at, name: '' }, length: 1 };
  const isQuote = /["'`]/.test(text[at] ?? '');
  throw new TemplateError(text, at, isQuote ? 'unterminated quoted string' : `unexpected ${JSON.stringify(text[at])}`);
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

/** The text of a Go string or character literal. */
function unescape(text: string, at: number, body: string): string {
  return body.replaceAll(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/g,
    (whole, ...groups) => {
      const [x, u, long, octal, single] = groups as (string | undefined)[];
      const hex = x ?? u ?? long;
      if (hex !== undefined || octal !== undefined) {
        const code = hex === undefined ? Number.parseInt(octal ?? '', 8) : Number.parseInt(hex, 16);
        if (code <= 0x10ffff) return String.fromCodePoint(code);
      }
      const plain = ESCAPES[single ?? ''];
      if (plain === undefined) throw new TemplateError(text, at, `unknown escape ${whole}`);
      return plain;
    },
  );
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

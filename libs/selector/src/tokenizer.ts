import { SelectorError } from './selector-error.ts';

export type Symbol = '(' | ')' | '{' | '}' | ',' | '&&' | '||' | '!' | '==' | '!=';
export type WordOperator = 'contains' | 'starts with' | 'ends with' | 'in' | 'not in';

export type Token =
  | { readonly kind: Symbol | WordOperator | 'all' | 'global' | 'end'; readonly position: number }
  | { readonly kind: 'label' | 'has' | 'string'; readonly text: string; readonly position: number };

const MAX_LABEL_LENGTH = 512;

const BLANKS = /[ \t]*/y;
const SYMBOL = /[(){},]|&&|\|\||==|!=|!/y;
const STRING = /"([^"]*)"|'([^']*)'/y;
const CALL = /(all|global)\([ \t]*\)|has\([ \t]*([A-Za-z0-9_./-]+)[ \t]*\)/y;
const LABEL = /[A-Za-z0-9_./-]+/y;
const WORD = /(?:contains|starts[ \t]*with|ends[ \t]*with|not[ \t]*in|in)(?![A-Za-z0-9_./-])/y;

function matchAt(pattern: RegExp, input: string, position: number): RegExpExecArray | null {
  pattern.lastIndex = position;
  return pattern.exec(input);
}

function wordOperator(text: string): WordOperator {
  switch (text.charAt(0)) {
    case 'c':
      return 'contains';
    case 's':
      return 'starts with';
    case 'e':
      return 'ends with';
    case 'n':
      return 'not in';
    default:
      return 'in';
  }
}

/**
 * Cuts a selector into tokens; the last is `end`. The word operators exist only right after a label, so
 * a label may be called `in` or `contains`. Throws SelectorError.
 */
export function tokenize(input: string): readonly Token[] {
  const tokens: Token[] = [];
  let position = 0;
  for (;;) {
    position += matchAt(BLANKS, input, position)?.[0].length ?? 0;
    if (position >= input.length) {
      tokens.push({ kind: 'end', position });
      return tokens;
    }
    const [token, length] = nextToken(input, position, tokens.at(-1)?.kind === 'label');
    tokens.push(token);
    position += length;
  }
}

function nextToken(input: string, position: number, isAfterLabel: boolean): readonly [Token, number] {
  const symbol = matchAt(SYMBOL, input, position)?.[0];
  if (symbol !== undefined) return [{ kind: symbol as Symbol, position }, symbol.length];

  const string = matchAt(STRING, input, position);
  if (string !== null) {
    return [{ kind: 'string', text: string[1] ?? string[2] ?? '', position }, string[0].length];
  }
  if (/["']/.test(input.charAt(position))) throw new SelectorError(input, position, 'unterminated string');

  if (isAfterLabel) {
    const word = matchAt(WORD, input, position)?.[0];
    if (word === undefined) throw new SelectorError(input, position, 'expected an operator after a label');
    return [{ kind: wordOperator(word), position }, word.length];
  }
  const call = matchAt(CALL, input, position);
  if (call !== null) {
    const [text, nullary, label] = call;
    if (label === undefined) return [{ kind: nullary === 'all' ? 'all' : 'global', position }, text.length];
    return [{ kind: 'has', text: checkLabel(input, position, label), position }, text.length];
  }
  const label = matchAt(LABEL, input, position)?.[0];
  if (label === undefined) throw new SelectorError(input, position, 'unexpected character');
  return [{ kind: 'label', text: checkLabel(input, position, label), position }, label.length];
}

function checkLabel(input: string, position: number, label: string): string {
  if (label.length <= MAX_LABEL_LENGTH) return label;
  throw new SelectorError(input, position, `label name longer than ${MAX_LABEL_LENGTH} characters`);
}

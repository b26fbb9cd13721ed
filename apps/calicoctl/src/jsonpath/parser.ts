import {
  JsonPathError,
  type Comparison,
  type Filter,
  type FilterOperand,
  type Part,
  type Path,
  type Step,
} from './syntax.ts';

const SPACE = /\s*/y;
/** Anything but what means something else; that is escaped with a backslash. */
const NAME = /(?:[^\s.,[\]$@{}()=<>!"'*|\\]|\\.)+/uy;
const NUMBER = /-?\d+(?:\.\d+)?/y;
const INTEGER = /-?\d+/y;
const QUOTED = /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/y;
const OPERATOR = /==|!=|<=|>=|<|>/y;
const WORD = /(?:range|end)(?![\p{L}\p{Nd}_-])/uy;

/** Reads a template; a path alone need not have braces. @throws JsonPathError */
export function parseJsonPath(text: string): readonly Part[] {
  return new Parser(/^\s*[.$[@]/.test(text) && !text.includes('{') ? `{${text.trim()}}` : text).parse();
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): readonly Part[] {
    const { parts, endAt } = this.#parts();
    if (endAt !== undefined) throw new JsonPathError(endAt, '{end} without {range}');
    return parts;
  }

  /** Up to the end of the text or `{end}`. */
  #parts(): { readonly parts: readonly Part[]; readonly endAt?: number } {
    const parts: Part[] = [];
    while (this.#at < this.#text.length) {
      const open = this.#text.indexOf('{', this.#at);
      const end = open < 0 ? this.#text.length : open;
      if (end > this.#at) parts.push({ type: 'text', text: this.#text.slice(this.#at, end) });
      this.#at = end;
      if (open < 0) break;
      this.#at += 1;
      this.#match(SPACE);
      const word = this.#match(WORD)?.[0];
      if (word === 'end') {
        this.#close(open);
        return { parts, endAt: open };
      }
      if (word === 'range') {
        const path = this.#path('root');
        this.#close(open);
        const { parts: inner, endAt } = this.#parts();
        if (endAt === undefined) throw new JsonPathError(open, '{range} without {end}');
        parts.push({ type: 'range', path, parts: inner });
        continue;
      }
      this.#expression(parts);
      this.#close(open);
    }
    return { parts };
  }

  /** Quoted texts and paths, which may follow one another. */
  #expression(parts: Part[]): void {
    for (;;) {
      this.#match(SPACE);
      if (this.#isAt('}') || this.#at >= this.#text.length) return;
      const quoted = this.#quoted();
      const start = this.#at;
      if (quoted !== undefined) parts.push({ type: 'text', text: quoted });
      else parts.push({ type: 'path', path: this.#path('root') });
      if (quoted === undefined && this.#at === start) throw this.#error('expected a path or quoted text');
    }
  }

  #path(from: Path['from']): Path {
    this.#match(SPACE);
    let origin = from;
    if (this.#take('@')) origin = 'current';
    else if (this.#take('$')) origin = 'root';
    const steps: Step[] = [];
    if (origin === from && /[\p{L}_]/u.test(this.#text[this.#at] ?? '')) steps.push(this.#field());
    for (;;) {
      if (this.#take('..')) {
        steps.push({ type: 'descend' });
        if (!this.#isAt('[')) steps.push(this.#take('*') ? { type: 'each' } : this.#field());
      } else if (this.#take('.')) {
        // A lone dot is where one is, and the dot before a bracket may be left out.
        if (this.#take('*')) steps.push({ type: 'each' });
        else if (/[^\s.,[\]$@{}()=<>!"'*|]/u.test(this.#text[this.#at] ?? '')) steps.push(this.#field());
      } else if (this.#isAt('[')) {
        steps.push(this.#bracket());
      } else {
        return { from: origin, steps };
      }
    }
  }

  #field(): Step {
    const name = this.#match(NAME)?.[0];
    if (name === undefined) throw this.#error('expected the name of a field');
    return { type: 'field', names: [name.replaceAll(/\\(.)/gsu, '$1')] };
  }

  /** From `[` to after `]`. */
  #bracket(): Step {
    const open = this.#at;
    this.#at += 1;
    this.#match(SPACE);
    const step = this.#inBracket(open);
    this.#match(SPACE);
    if (!this.#take(']')) throw new JsonPathError(open, 'unterminated [');
    return step;
  }

  #inBracket(open: number): Step {
    if (this.#take('*')) return { type: 'each' };
    if (this.#take('?(')) {
      const filter = this.#filter();
      if (!this.#take(')')) throw new JsonPathError(open, 'unterminated filter');
      return { type: 'filter', filter };
    }
    const name = this.#quoted();
    if (name !== undefined) return { type: 'field', names: [name, ...this.#others(() => this.#quoted())] };
    const start = this.#integer();
    if (this.#take(':')) {
      const end = this.#integer();
      const step = this.#take(':') ? (this.#integer() ?? 1) : 1;
      if (step <= 0) throw new JsonPathError(open, 'the step of a slice must be positive');
      return { type: 'slice', step, ...(start === undefined ? {} : { start }), ...(end === undefined ? {} : { end }) };
    }
    if (start === undefined) throw new JsonPathError(open, 'expected an index, a name in quotes, * or a filter');
    return { type: 'index', indices: [start, ...this.#others(() => this.#integer())] };
  }

  /** What follows after commas. */
  #others<T>(read: () => T | undefined): readonly T[] {
    const others: T[] = [];
    for (;;) {
      this.#match(SPACE);
      if (!this.#take(',')) return others;
      this.#match(SPACE);
      const other = read();
      if (other === undefined) throw this.#error('expected another after the comma');
      others.push(other);
    }
  }

  #filter(): Filter {
    const left = this.#filterOperand();
    this.#match(SPACE);
    const operator = this.#match(OPERATOR)?.[0];
    if (operator === undefined) return { type: 'exists', operand: left };
    const right = this.#filterOperand();
    this.#match(SPACE);
    return { type: 'compare', operator: operator as Comparison, left, right };
  }

  #filterOperand(): FilterOperand {
    this.#match(SPACE);
    const quoted = this.#quoted();
    if (quoted !== undefined) return { type: 'literal', value: quoted };
    const number = this.#match(NUMBER)?.[0];
    if (number !== undefined) return { type: 'literal', value: Number(number) };
    for (const [word, value] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const) {
      if (this.#take(word)) return { type: 'literal', value };
    }
    if (!/[@$.]/.test(this.#text[this.#at] ?? '')) throw this.#error('expected a path or a value');
    return { type: 'path', path: this.#path('root') };
  }

  #quoted(): string | undefined {
    const found = this.#match(QUOTED);
    if (found === null) return undefined;
    const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };
    return (found[1] ?? found[2] ?? '').replaceAll(/\\(.)/gsu, (_, one: string) => escapes[one] ?? one);
  }

  #integer(): number | undefined {
    const text = this.#match(INTEGER)?.[0];
    return text === undefined ? undefined : Number(text);
  }

  #close(open: number): void {
    this.#match(SPACE);
    if (this.#take('}')) return;
    throw this.#at >= this.#text.length
      ? new JsonPathError(open, 'unterminated {')
      : this.#error(`unexpected ${JSON.stringify(this.#text[this.#at])}`);
  }

  #isAt(text: string): boolean {
    return this.#text.startsWith(text, this.#at);
  }

  #take(text: string): boolean {
    if (!this.#isAt(text)) return false;
    this.#at += text.length;
    return true;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found !== null) this.#at += found[0].length;
    return found;
  }

  #error(message: string): JsonPathError {
    return new JsonPathError(this.#at, message);
  }
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Expression } from './expression.ts';
import { labelsOf } from './labels.ts';
import { parseSelector, Selector } from './selector.ts';
import { SelectorError } from './selector-error.ts';
import { uniqueId } from './unique-id.ts';

describe('canonical text', () => {
  it.each([
    ['', 'all()'],
    [' \t', 'all()'],
    ['all( )', 'all()'],
    ['global(\t)', 'global()'],
    ['has( a )', 'has(a)'],
    ["a=='b'", 'a == "b"'],
    [`a == 'say "hi"'`, `a == 'say "hi"'`],
    [`a == "it's"`, `a == "it's"`],
    ['a contains"b"', 'a contains "b"'],
    ['a startswith "b"', 'a starts with "b"'],
    ['a starts \t with "b"', 'a starts with "b"'],
    ['a endswith "b"', 'a ends with "b"'],
    ['a in {"c","b","c",}', 'a in {"b", "c"}'],
    ['a in{}', 'a in {}'],
    ['a notin {"b"}', 'a not in {"b"}'],
    ['a not \t in {"b"}', 'a not in {"b"}'],
    ['a in {"\u{1F600}", "\uFF01"}', 'a in {"\uFF01", "\u{1F600}"}'],
    ['((a == "b"))', 'a == "b"'],
    ['a == "b" && has(c) || !has(d)', '((a == "b" && has(c)) || !has(d))'],
    ['has(a) && (has(b) && has(c))', '(has(a) && (has(b) && has(c)))'],
    ['!!has(a)', 'has(a)'],
    ['! ! !has(a)', '!has(a)'],
    ['!(!has(a))', '!!has(a)'],
    ['! c != "d"', '!c != "d"'],
    ['in in {"in"} && has == "x" && contains contains "y"', '(in in {"in"} && has == "x" && contains contains "y")'],
    ['a.b/c-d_E == ""', 'a.b/c-d_E == ""'],
  ])('of %j is %s', (text, canonical) => {
    expect(parseSelector(text).canonical).toBe(canonical);
  });
});

describe('refusals', () => {
  it.each([
    ['a', 1],
    ['a == b', 5],
    ['a == "b', 5],
    ['has (a)', 4],
    ['all ()', 4],
    ['global ()', 7],
    ['has()', 3],
    ['all', 3],
    ['a == "b" c == "d"', 9],
    ['a == "b" &&', 11],
    ['a == "b" & has(c)', 9],
    ['a\n== "b"', 1],
    ['(has(a)', 7],
    ['has(a))', 6],
    ['a in {"b" "c"}', 10],
    ['a in {,}', 6],
    ['a inx {"b"}', 2],
    ['a = "b"', 2],
    ['!', 1],
    ['()', 1],
    ['$a == "b"', 0],
    [`${'a'.repeat(513)} == "b"`, 0],
    [`has(${'a'.repeat(513)})`, 0],
  ])('%j fails at %i', (text, position) => {
    expect(() => parseSelector(text)).toThrow(
      expect.objectContaining({ name: 'SelectorError', input: text, position }) as Error,
    );
  });

  it('takes label names of 512 characters', () => {
    expect(parseSelector(`has(${'a'.repeat(512)})`).canonical).toHaveLength(517);
  });

  it('refuses 100 000 nested parentheses without running out of stack', () => {
    const depth = 100_000;
    expect(() => parseSelector(`${'('.repeat(depth)}all()${')'.repeat(depth)}`)).toThrow(SelectorError);
    expect(parseSelector(`${'!'.repeat(depth)}all()`).canonical).toBe('all()');
    expect(parseSelector(`${'('.repeat(500)}all()${')'.repeat(500)}`).canonical).toBe('all()');
  });

  it('never crashes or hangs on any text', () => {
    const pieces = fc.constantFrom(
      ...['(', ')', '{', '}', ',', '&&', '||', '!', '==', '!=', '=', '"', "'", ' ', '\t', '\n', '"v"'],
      ...['a', 'in', 'not', 'has(', 'has(a)', 'all(', 'all()', 'global()', 'contains', 'starts with', 'ends', '\u0000'],
    );
    const texts = fc.oneof(
      fc.string(),
      fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          const selector = parseSelector(text);
          expect(parseSelector(selector.canonical).id).toMatch(/^s:[\w-]{38}$/);
        } catch (error) {
          expect(error).toBeInstanceOf(SelectorError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('id', () => {
  it.each([
    ['all()', 's:5y5I3VdRZfDU01O--xXAPx2yxCQQqMf0M6IWug'],
    ['a == "b"', 's:flMh0m0X_BowkAK_W3j3MgH8oQOsj3WxGDoXCQ'],
    ['!(has(b) || !has(a))', 's:Iss0uCleLYv1GSv_pNm7hAO58kE9jAx1NKyG3Q'],
    ['!(a == "b" && !c != "d")', 's:lh3haoY1ikTRkd4UZu0nWSaIBknYLPJLX16d-w'],
    ['has(foo)', 's:wPJ6EfQfi_2n9KILmXT70Gnh2bh-iMv63UZbnA'],
    ['app == "web"', 's:oy593DLyi5BRwxLRqXScOfE9YMyW5S4KAhmzFg'],
    [`app == 'web' && projectcalico.org/namespace == 'default'`, 's:JdAwigGHlQO79zOJaAOHmGEJ8sP7CGhonm6Izg'],
  ])('of %s is %s', (text, id) => {
    expect(parseSelector(text).id).toBe(id);
  });

  it('is made with any prefix', () => {
    expect(uniqueId('n', `${parseSelector('all()').id},tcp,http`)).toBe('n:cl9_Kgeu4H0OGLbhovVR3NBLUOZscKeMK1Mu4A');
  });
});

describe('evaluate', () => {
  const labels = labelsOf({ a: 'value', empty: '' });

  it.each([
    ['all()', true],
    ['global()', true],
    ['has(a)', true],
    ['has(b)', false],
    ['has(empty)', true],
    ['empty == ""', true],
    ['b == ""', false],
    ['a == "value"', true],
    ['a == "Value"', false],
    ['a != "value"', false],
    ['b != "value"', true],
    ['a contains "alu"', true],
    ['b contains ""', false],
    ['a starts with "val"', true],
    ['b starts with ""', false],
    ['a ends with "ue"', true],
    ['b ends with ""', false],
    ['a in {"x", "value"}', true],
    ['b in {"x"}', false],
    ['a in {}', false],
    ['a not in {"value"}', false],
    ['b not in {"value"}', true],
    ['a not in {}', true],
    ['!has(a) || has(b) && has(a)', false],
    ['!has(b) && (has(b) || has(a))', true],
    ['has(constructor) || has(__proto__)', false],
  ])('%s is %s', (text, expected) => {
    expect(parseSelector(text).evaluate(labels)).toBe(expected);
  });
});

describe('withPrefix', () => {
  it('renames every label', () => {
    const selector = parseSelector('a == "b" && !(has(c) || d in {"e"}) && all()').withPrefix('pcns.');
    expect(selector.canonical).toBe('(pcns.a == "b" && !(has(pcns.c) || pcns.d in {"e"}) && all())');
    expect(selector.id).toBe(parseSelector(selector.canonical).id);
  });
});

const label = fc.constantFrom('a', 'b', 'c');
const value = fc.constantFrom('', 'x', 'y', 'xy', `"`);
const expressions = fc.letrec<{ expression: Expression }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4 },
    fc.record({ op: fc.constantFrom('all' as const, 'global' as const) }),
    fc.record({ op: fc.constant('has' as const), label }),
    fc.record({
      op: fc.constantFrom(
        '==' as const,
        '!=' as const,
        'contains' as const,
        'starts with' as const,
        'ends with' as const,
      ),
      label,
      value,
    }),
    fc.record({
      op: fc.constantFrom('in' as const, 'not in' as const),
      label,
      values: fc.uniqueArray(value).map((values) => values.sort()),
    }),
    fc.record({ op: fc.constant('not' as const), operand: tie('expression') }),
    fc.record({
      op: fc.constantFrom('and' as const, 'or' as const),
      operands: fc.array(tie('expression'), { minLength: 2, maxLength: 3 }),
    }),
  ),
})).expression;
const labelSets = fc.dictionary(label, value).map(labelsOf);

describe('any selector', () => {
  it('means the same after its canonical text is parsed again', () => {
    fc.assert(
      fc.property(expressions, labelSets, (expression, labels) => {
        const selector = new Selector(expression);
        expect(parseSelector(selector.canonical).evaluate(labels)).toBe(selector.evaluate(labels));
      }),
      { numRuns: 500 },
    );
  });

  it('never matches labels that miss a requirement', () => {
    fc.assert(
      fc.property(expressions, labelSets, (expression, labels) => {
        const selector = new Selector(expression);
        if (!selector.evaluate(labels)) return;
        for (const [name, { oneOf }] of selector.requiredLabels) {
          const present = labels.get(name);
          expect(present).toBeDefined();
          if (oneOf) expect(oneOf.has(present!)).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('tells an index what it requires', () => {
    const { requiredLabels } = parseSelector(
      'a in {"x","y"} && a in {"y","z"} && (b == "1" && has(c) || b == "2") && !has(d)',
    );
    expect(requiredLabels).toEqual(
      new Map([
        ['a', { oneOf: new Set(['y']) }],
        ['b', { oneOf: new Set(['1', '2']) }],
      ]),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { labelsOf, parseSelector, SelectorError } from './index.ts';

/** A selector, or undefined where the text is none. Any other error fails the test. */
function attempt(text: string): ReturnType<typeof parseSelector> | undefined {
  try {
    return parseSelector(text);
  } catch (error) {
    if (error instanceof SelectorError) return undefined;
    throw error;
  }
}

/** Uses everything that a selector can do. */
function use(text: string): void {
  const selector = attempt(text);
  if (selector === undefined) return;
  // As in Calico, the canonical text of `!(!x)` is `!!x`, which is read as `x`: the same meaning, not the same text.
  const again = parseSelector(selector.canonical);
  for (const labels of [{}, { a: 'b' }, { a: 'x' }, { in: '' }]) {
    expect(again.evaluate(labelsOf(labels))).toBe(selector.evaluate(labelsOf(labels)));
  }
  expect(selector.id).toMatch(/^s:[A-Za-z0-9_-]{38}$/);
  selector.evaluate(labelsOf({ a: 'b' }));
  expect(selector.requiredLabels).toBeInstanceOf(Map);
  expect(selector.withPrefix('p.').evaluate(labelsOf({ 'p.a': 'b' }))).toBe(selector.evaluate(labelsOf({ a: 'b' })));
}

const token = fc.constantFrom(
  ...['a', 'b.c/d-e_f', 'in', 'has', 'not', 'contains', 'global', 'all', 'x'.repeat(513)],
  ...['==', '!=', '&&', '||', '!', '(', ')', '{', '}', ',', ' ', '\t', '\n', '"', "'"],
  ...[
    '"x"',
    "'y'",
    '""',
    'has(',
    'has(a)',
    'all()',
    'global()',
    'all( )',
    ' contains ',
    ' starts with ',
    'startswith',
    ' ends  with ',
  ],
  ...[' in ', ' not in ', ' notin ', '{"a", "b"}', '{}', "{'a',}", '\u0000', '\u{1f600}', '\\'],
);

describe('a selector', () => {
  it('of any tokens is parsed or refused', () => {
    fc.assert(
      fc.property(fc.array(token, { maxLength: 30 }), (tokens) => {
        use(tokens.join(''));
      }),
      { numRuns: 5000 },
    );
  });

  it('of any text is parsed or refused', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 100 }), fc.string({ maxLength: 100 })), (text) => {
        use(text);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['(', ')'],
    ['!', ''],
    ['!(', ')'],
    ['has(', ')'],
    ['a == "x" && ', ''],
    ['(a == "x" || ', ')'],
    ['a in {"x",', ''],
    ['{', '}'],
    [' ', ''],
    ['a ', ''],
    ['a not ', ''],
    ['starts \t', ''],
    ['"', ''],
    ['has( a', ''],
    ['all( ', ''],
  ])('that repeats %j for a megabyte takes linear time', (open, close) => {
    const count = Math.ceil(1_000_000 / (open.length + close.length));
    for (const middle of ['', 'all()', 'a == "b"', '\u0000']) use(open.repeat(count) + middle + close.repeat(count));
  });

  it('with 100000 members, operands or a value of a megabyte works', () => {
    const members = Array.from({ length: 100_000 }, (_, index) => `"v${index % 50_000}"`);
    expect(parseSelector(`a in {${members.join(',')}}`).evaluate(labelsOf({ a: 'v49999' }))).toBe(true);
    const operands = members.map((value) => `a == ${value}`);
    expect(parseSelector(operands.join(' || ')).evaluate(labelsOf({ a: 'v49999' }))).toBe(true);
    expect(parseSelector(operands.join(' && ')).evaluate(labelsOf({ a: 'v0' }))).toBe(false);
    use(operands.join(' || '));
    use(`a == "${'x'.repeat(1_000_000)}"`);
  });
});

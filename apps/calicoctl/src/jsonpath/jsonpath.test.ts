import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonPath } from './jsonpath.ts';
import { JsonPathError } from './syntax.ts';

const list = {
  kind: 'List',
  items: [
    {
      kind: 'None',
      metadata: { name: '127.0.0.1', labels: { 'kubernetes.io/hostname': 'a' } },
      status: { capacity: { cpu: 4 } },
    },
    { kind: 'None', metadata: { name: '127.0.0.2' }, status: { capacity: { cpu: 8 }, ready: true } },
  ],
  users: [
    { name: 'myself', user: {} },
    { name: 'e2e', user: { username: 'admin', password: 'secret' } },
  ],
};

describe('a JSONPath template', () => {
  it.each([
    ['kind is {.kind}', 'kind is List'],
    ['{.kind}', 'List'],
    ["{['kind']}", 'List'],
    ['.kind', 'List'],
    ['{$.kind}{@.kind}{kind}', 'ListListList'],
    ['{..name}', '127.0.0.1 127.0.0.2 myself e2e'],
    ['{.items[*].metadata.name}', '127.0.0.1 127.0.0.2'],
    ["{.items[*]['metadata.name', 'status'].capacity}", '{"cpu":4} {"cpu":8}'],
    ['{.users[?(@.name=="e2e")].user.password}', 'secret'],
    ["{.users[?(@.name == 'e2e')].user['username','password']}", 'admin secret'],
    ['{.items[?(@.status.capacity.cpu>4)].metadata.name}', '127.0.0.2'],
    [
      '{.items[?(@.status.ready==true)].metadata.name}{.items[?(@.status.capacity.cpu!=8)].metadata.name}',
      '127.0.0.2127.0.0.1',
    ],
    ['{.items[?(@.status.ready)].metadata.name}', '127.0.0.2'],
    ['{range .items[*]}[{.metadata.name}, {.status.capacity}] {end}', '[127.0.0.1, {"cpu":4}] [127.0.0.2, {"cpu":8}] '],
    ['{range .items[*]}{.metadata.name}{"\\t"}{end}', '127.0.0.1\t127.0.0.2\t'],
    ['{range .users[*]}{.name}{"\\n"}{range .user.*}-{@}{end}{end}', 'myself\ne2e\n-admin-secret'],
    ['{.items[0].metadata.labels.kubernetes\\.io/hostname}', 'a'],
    ['{.items[0].metadata.labels.kubernetes\\.io\\/hostname}', 'a'],
    ["{.items[0].metadata.labels['kubernetes.io/hostname']}", 'a'],
    [
      '{.users[-1:].name} {.users[0:1].name} {.users[::2].name} {.users[-1].name} {.users[0,1].name} {.users[9].name}',
      'e2e myself myself e2e myself e2e ',
    ],
    ['{.missing.deeper[*]}|', '|'],
    ['{.users[*].user.*}', 'admin secret'],
    ['{..cpu}', '4 8'],
    ['{.kind "x" .kind}', 'ListxList'],
    ['plain', 'plain'],
  ])('%s', (text, expected) => {
    expect(new JsonPath(text).render(list)).toBe(expected);
  });

  it.each([
    ['{.a', 'at character 1: unterminated {'],
    ['x{.a[}', 'at character 5: expected an index'],
    ['{.a[0}', 'at character 4: unterminated ['],
    ['{range .a}x', 'at character 1: {range} without {end}'],
    ['x{end}', 'at character 2: {end} without {range}'],
    ['{.a[?(@.x==)]}', 'expected a path or a value'],
    ['{.a[?(@.x==1]}', 'unterminated filter'],
    ['{.a[::0]}', 'step'],
    ['{=}', 'expected a path or quoted text'],
    ['{..}', 'expected the name of a field'],
    ["{.a['x',]}", 'expected another'],
  ])('that is wrong is refused with its place: %s', (text, message) => {
    expect(() => new JsonPath(text)).toThrow(message);
  });

  it('never fails in another way, whatever it is', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '.',
      '..',
      '*',
      '[',
      ']',
      '?(',
      ')',
      '@',
      '$',
      '==',
      '"a"',
      "'b'",
      'range ',
      'end',
      'a',
      '1',
      ':',
      ',',
      '-',
      ' ',
      '\\',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 25 }), fc.jsonValue(), (pieces, data) => {
        try {
          new JsonPath(pieces.join('')).render(data);
        } catch (error) {
          if (!(error instanceof JsonPathError)) throw error;
        }
      }),
      { numRuns: 3000 },
    );
  });
});

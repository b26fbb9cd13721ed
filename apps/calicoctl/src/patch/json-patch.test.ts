import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonPatchError, jsonPatch } from './json-patch.ts';

describe('a JSON patch', () => {
  // The cases of RFC 6902, appendix A.
  it.each([
    [{ foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux' }], { baz: 'qux', foo: 'bar' }],
    [{ foo: ['bar', 'baz'] }, [{ op: 'add', path: '/foo/1', value: 'qux' }], { foo: ['bar', 'qux', 'baz'] }],
    [{ baz: 'qux', foo: 'bar' }, [{ op: 'remove', path: '/baz' }], { foo: 'bar' }],
    [{ foo: ['bar', 'qux', 'baz'] }, [{ op: 'remove', path: '/foo/1' }], { foo: ['bar', 'baz'] }],
    [{ baz: 'qux', foo: 'bar' }, [{ op: 'replace', path: '/baz', value: 'boo' }], { baz: 'boo', foo: 'bar' }],
    [
      { foo: { bar: 'baz', waldo: 'fred' }, qux: { corge: 'grault' } },
      [{ op: 'move', from: '/foo/waldo', path: '/qux/thud' }],
      { foo: { bar: 'baz' }, qux: { corge: 'grault', thud: 'fred' } },
    ],
    [
      { foo: ['all', 'grass', 'cows', 'eat'] },
      [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
      { foo: ['all', 'cows', 'eat', 'grass'] },
    ],
    [
      { baz: 'qux', foo: ['a', 2, 'c'] },
      [{ op: 'test', path: '/foo/1', value: 2 }],
      { baz: 'qux', foo: ['a', 2, 'c'] },
    ],
    [
      { foo: 'bar' },
      [{ op: 'add', path: '/child', value: { grandchild: {} } }],
      { foo: 'bar', child: { grandchild: {} } },
    ],
    [{ foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux', xyz: 123 }], { foo: 'bar', baz: 'qux' }],
    [{ '/': 9, '~1': 10 }, [{ op: 'test', path: '/~01', value: 10 }], { '/': 9, '~1': 10 }],
    [{ foo: ['bar'] }, [{ op: 'add', path: '/foo/-', value: ['abc', 'def'] }], { foo: ['bar', ['abc', 'def']] }],
    [
      { a: 1 },
      [
        { op: 'copy', from: '/a', path: '/b' },
        { op: 'replace', path: '/a', value: 2 },
      ],
      { a: 2, b: 1 },
    ],
    [{ a: 1 }, [{ op: 'replace', path: '', value: [1] }], [1]],
  ])('%j with %j', (target, patch, expected) => {
    const before = structuredClone(target);
    expect(jsonPatch(target, patch)).toEqual(expected);
    expect(target).toEqual(before);
  });

  it.each([
    [[{ op: 'test', path: '/a', value: 2 }], 'operation 0 of the JSON patch: /a is 1, not 2'],
    [
      [
        { op: 'add', path: '/b', value: 1 },
        { op: 'remove', path: '/c' },
      ],
      'operation 1 of the JSON patch: /c does not exist',
    ],
    [[{ op: 'add', path: '/x/y', value: 1 }], '/x does not exist'],
    [[{ op: 'add', path: '/l/3', value: 1 }], '/l/3 does not exist'],
    [[{ op: 'add', path: '/l/01', value: 1 }], '/l/01 does not exist'],
    [[{ op: 'add', path: '/a/b', value: 1 }], 'neither an object nor a list'],
    [[{ op: 'add', path: 'a', value: 1 }], 'JSON Pointer'],
    [[{ op: 'add', path: '/a' }], 'value is missing'],
    [[{ op: 'spam', path: '/a' }], 'op must be'],
    [[{ op: 'move', from: '/l', path: '/l/0' }], 'into itself'],
    [[1], 'not an object'],
    [{ op: 'add' }, 'list of operations'],
  ])('%j is refused', (patch, message) => {
    expect(() => jsonPatch({ a: 1, l: [1, 2] }, patch)).toThrow(message);
  });

  it('changes no prototype', () => {
    const patched = jsonPatch({}, [{ op: 'add', path: '/__proto__', value: { polluted: true } }]);
    expect(Object.keys(patched as object)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('fails in no other way, whatever it is', () => {
    const pointer = fc
      .array(fc.constantFrom('a', '0', '1', '-', '~0', ''), { maxLength: 3 })
      .map((steps) => steps.map((step) => `/${step}`).join(''));
    const operation = fc.record(
      {
        op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test'),
        path: pointer,
        from: pointer,
        value: fc.jsonValue(),
      },
      { requiredKeys: ['op'] },
    );
    fc.assert(
      fc.property(fc.jsonValue(), fc.array(operation), (target, patch) => {
        try {
          jsonPatch(target, patch);
        } catch (error) {
          if (!(error instanceof JsonPatchError)) throw error;
        }
      }),
    );
  });
});

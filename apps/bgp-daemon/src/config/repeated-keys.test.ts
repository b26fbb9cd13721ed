import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findRepeatedKey } from './repeated-keys.ts';

describe('keys that are there twice', () => {
  it('are found in one object, with their line, whatever they look like', () => {
    expect(findRepeatedKey('{\n "a": {"b": 1},\n "b": [{"b": "a: {"}],\n "\\u0061": 2 }')).toEqual({
      key: 'a',
      line: 4,
    });
    expect(findRepeatedKey('[{"a": {"c": "\\"", "c": 1}}]')).toEqual({ key: 'c', line: 1 });
  });

  it('are in no text that came from an object', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(3), (value, indent) => {
        expect(findRepeatedKey(JSON.stringify(value, undefined, indent))).toBeUndefined();
      }),
    );
  });
});

import { goJsonStringify } from '@calico-node/model';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { indentJson } from './indent-json.ts';

it('lays JSON out with two spaces, and keeps large numbers', () => {
  expect(indentJson('{"a":[1,{"b":"x,y:{}"}],"c":{},"d":[],"e":18446744073709551615}')).toBe(
    `{
  "a": [
    1,
    {
      "b": "x,y:{}"
    }
  ],
  "c": {},
  "d": [],
  "e": 18446744073709551615
}`,
  );
});

it('lays out as JSON.stringify does', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      const plain = JSON.parse(goJsonStringify(value)) as unknown;
      expect(indentJson(JSON.stringify(plain))).toBe(JSON.stringify(plain, null, 2));
    }),
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { endpointMarks, markOfOthers } from './endpoint-marks.ts';

const masks = fc.constantFrom(0xffe00000, 0x0f, 0x80000001, 0x03, 0xa8a00500);
const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}$/), { maxLength: 40 });

test('each has a mark of its own within the bits, none that of others', () => {
  fc.assert(
    fc.property(names, masks, (some, bits) => {
      const marks = endpointMarks(some, bits);
      const count = 2 ** (bits.toString(2).match(/1/g) ?? []).length - 2;
      expect(marks.size).toBe(Math.min(some.length, count));
      expect(new Set(marks.values()).size).toBe(marks.size);
      for (const mark of marks.values()) {
        expect((mark & ~bits) >>> 0).toBe(0);
        expect([0, markOfOthers(bits)]).not.toContain(mark);
      }
    }),
  );
});

test('the order in which they came makes no difference', () => {
  fc.assert(
    fc.property(names, masks, (some, bits) => {
      expect(endpointMarks([...some].reverse(), bits)).toEqual(endpointMarks(some, bits));
    }),
  );
});

test('one more of many changes the marks of few', () => {
  const some = Array.from({ length: 250 }, (_, index) => `cali${index}`);
  const before = endpointMarks(some, 0xffe00000);
  const after = endpointMarks([...some, 'cali-new'], 0xffe00000);
  expect(some.filter((name) => before.get(name) !== after.get(name)).length).toBeLessThan(5);
});

test('a mark may have the highest bit', () => {
  expect([...endpointMarks(['a', 'b'], 0xc0000000).values()].sort()).toEqual([0x80000000, 0xc0000000]);
  expect(markOfOthers(0x80000000)).toBe(0x80000000);
});

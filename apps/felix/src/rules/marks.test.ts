import { expect, test } from 'vitest';
import { allocateMarks, endpointMarkBits, MarkMaskError } from './marks.ts';

test("takes the lowest bits of the mask in Calico's order", () => {
  expect(allocateMarks(0xffff0000)).toEqual({
    accept: 0x10000,
    pass: 0x20000,
    drop: 0x40000,
    scratch0: 0x80000,
    scratch1: 0x100000,
  });
});

test('takes scattered bits, up to the highest', () => {
  expect(allocateMarks(0x80000113)).toEqual({ accept: 1, pass: 2, drop: 0x10, scratch0: 0x100, scratch1: 0x80000000 });
});

test('has one more for WireGuard', () => {
  expect(allocateMarks(0xffff0000, true)).toMatchObject({ scratch1: 0x100000, wireguard: 0x200000 });
});

test('refuses a mask with too few', () => {
  expect(() => allocateMarks(0xf)).toThrow(MarkMaskError);
  expect(allocateMarks(0x1f)).not.toHaveProperty('wireguard');
  expect(() => allocateMarks(0x1f, true)).toThrow(MarkMaskError);
});

test('the rest is for the marks of endpoints, and has to be two bits', () => {
  expect(endpointMarkBits(0xffff0000, allocateMarks(0xffff0000))).toBe(0xffe00000);
  expect(endpointMarkBits(0xffff0000, allocateMarks(0xffff0000, true))).toBe(0xffc00000);
  expect(endpointMarkBits(0x7f, allocateMarks(0x7f))).toBe(0x60);
  expect(() => endpointMarkBits(0x3f, allocateMarks(0x3f))).toThrow(MarkMaskError);
  expect(() => endpointMarkBits(0x1f, allocateMarks(0x1f))).toThrow(MarkMaskError);
});

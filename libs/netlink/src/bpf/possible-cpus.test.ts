import { expect, test } from 'vitest';
import { countOfCpuList } from './possible-cpus.ts';

test.each([
  ['0\n', 1],
  ['0-3\n', 4],
  ['0,2-11\n', 12],
])('%j: as many as the highest number says', (list, count) => {
  expect(countOfCpuList(list)).toBe(count);
});

test('refuses what is no list', () => {
  expect(() => countOfCpuList('all')).toThrow(TypeError);
});

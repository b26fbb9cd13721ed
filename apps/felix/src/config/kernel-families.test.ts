import { expect, test } from 'vitest';
import { kernelFamilies, withFamilies } from './kernel-families.ts';
import { resolveParameters } from './resolve.ts';

test('says once that there is no IPv6 where the kernel has none and nobody switched it off', () => {
  const { values } = resolveParameters([]);
  const said: string[] = [];
  const log = { info: (text: string) => said.push(text) };
  const [all, one] = [kernelFamilies(() => true), kernelFamilies(() => false)];
  expect([all, one]).toEqual([[4, 6], [4]]);
  expect(withFamilies(values, all, log)).toBe(values);
  expect(said).toEqual([]);
  const without = withFamilies(values, one, log);
  expect([without.Ipv6Support, said.length]).toEqual([false, 1]);
  expect(withFamilies(without, one, log)).toBe(without);
  expect(said).toHaveLength(1);
});

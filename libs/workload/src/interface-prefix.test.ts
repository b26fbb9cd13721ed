import { expect, test } from 'vitest';
import { interfacePrefix } from './interface-prefix.ts';

test('the prefix is the first of felix’s', () => {
  expect(interfacePrefix({})).toBe('cali');
  expect(interfacePrefix({ FELIX_INTERFACEPREFIX: 'tap,cali' })).toBe('tap');
});

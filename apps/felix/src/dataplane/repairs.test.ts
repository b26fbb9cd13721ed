import { expect, test } from 'vitest';
import { Repairs } from './repairs.ts';

test('counts and tells of what somebody else had changed, once', () => {
  const told: (readonly string[])[] = [];
  const repairs = new Repairs((what) => told.push(what));
  repairs.changed(['a', 'b']);
  repairs.foreign('a');
  repairs.foreign('c');
  repairs.changed(['b']);
  repairs.changed(['a', 'b', 'c', 'a']);
  repairs.changed(['a', 'c']);
  expect([repairs.count, told]).toEqual([1, [['a', 'c']]]);
});

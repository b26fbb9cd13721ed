import { expect, test } from 'vitest';
import { ForeignChanges } from './foreign-changes.ts';

test('tells of what others changed once that took writing, and of nothing from before the start', () => {
  const told: (readonly string[])[] = [];
  const changes = new ForeignChanges((what) => told.push(what));
  changes.add('a device of an earlier run');
  changes.settle(3);
  changes.settle(5);
  expect([changes.count, changes.isEmpty]).toEqual([0, true]);
  changes.add('a');
  changes.add('b');
  changes.add('a');
  expect(changes.isEmpty).toBe(false);
  changes.settle(6);
  changes.add('c');
  // It was as it should be already.
  changes.settle(6);
  changes.settle(7);
  expect([changes.count, told]).toEqual([1, [['a', 'b']]]);
});

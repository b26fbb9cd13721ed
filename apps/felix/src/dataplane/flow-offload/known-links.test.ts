import { expect, test } from 'vitest';
import { KnownLinks } from './known-links.ts';

test('tells new interfaces from those of another name, and from others of a name', () => {
  const links = new KnownLinks();
  expect(links.set('a', 1)).toBe('new');
  expect(links.set('a', 1)).toBe('same');
  expect(links.set('b', 1)).toBe('renamed');
  expect([...links.names()]).toEqual(['b']);
  expect(links.set('b', 2)).toBe('renamed');
  // Of the one before, which is gone.
  links.delete('b', 1);
  expect(links.has('b')).toBe(true);
  links.delete('b', 2);
  expect(links.set('a', 1)).toBe('new');
  links.clear();
  expect(links.has('a')).toBe(false);
});

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createNetns, deleteNetns } from '../src/index.ts';
import { LegacyTables } from '../src/iptables/index.ts';

const netns = `cnt-${randomBytes(5).toString('hex')}`;

beforeAll(() => {
  createNetns(netns);
});

afterAll(() => {
  deleteNetns(netns);
});

it.each([4, 6] as const)('tells how much is in the legacy tables of IPv%s', (family) => {
  using tables = new LegacyTables([family], netns);
  const run = (...args: string[]): void => {
    const program = family === 4 ? 'iptables-legacy' : 'ip6tables-legacy';
    execFileSync('nsenter', [`--net=/run/netns/${netns}`, program, ...args]);
  };
  const before = tables.sizeOf(family, 'filter')!;
  run('-A', 'FORWARD', '-p', 'tcp', '-j', 'ACCEPT');
  const after = tables.sizeOf(family, 'filter')!;
  expect(after.entries).toBe(before.entries + 1);
  expect(after.bytes).toBeGreaterThan(before.bytes);
  run('-F', 'FORWARD');
  expect(tables.sizeOf(family, 'filter')).toEqual(before);
  expect(tables.sizeOf(family, 'none')).toBeUndefined();
  expect(tables.sizeOf(family === 4 ? 6 : 4, 'filter')).toBeUndefined();
});

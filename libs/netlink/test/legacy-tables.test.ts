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

it.each([4, 6] as const)('tells how much is in the legacy tables of IPv%s, and whether a rule changed', (family) => {
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
  const digest = tables.digestOf(family, 'filter');
  run('-Z', 'FORWARD', '1');
  run('-R', 'FORWARD', '1', '-c', '3', '4', '-p', 'tcp', '-j', 'ACCEPT');
  expect(tables.digestOf(family, 'filter')).toBe(digest);
  run('-R', 'FORWARD', '1', '-p', 'udp', '-j', 'ACCEPT');
  expect(tables.sizeOf(family, 'filter')).toEqual(after);
  expect(tables.digestOf(family, 'filter')).not.toBe(digest);
  expect(tables.digestOf(family, 'none')).toBeUndefined();
  run('-F', 'FORWARD');
  expect(tables.sizeOf(family, 'filter')).toEqual(before);
  expect(tables.sizeOf(family, 'none')).toBeUndefined();
  expect(tables.sizeOf(family === 4 ? 6 : 4, 'filter')).toBeUndefined();
});

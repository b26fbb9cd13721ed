import { parseCidr } from '@calico-node/net';
import { expect, test } from 'vitest';
import type { IpSetId } from '../../calc/ip-set.ts';
import { sourceKeysOf } from './filter-keys.ts';
import { SourceSets } from './source-sets.ts';

const id = 's:a' as IpSetId;
const nets = (...octets: number[]) => octets.map((octet) => parseCidr(`10.0.0.${octet}/32`));
const keys = (...octets: number[]) => sourceKeysOf(nets(...octets));
const delta = (added: number[], removed: number[]) =>
  ({ type: 'ip-set-delta', id, kind: 'net', added: nets(...added), removed: nets(...removed) }) as const;

test('asks once what a set holds, and follows it while it is used', () => {
  let asked = 0;
  const sets = new SourceSets(() => {
    asked += 1;
    return [...nets(1, 2), parseCidr('fd00::1/128')];
  });
  expect(sets.change(delta([9], []))).toBeUndefined();
  expect([...sets.retain(id)]).toEqual(keys(1, 2));
  // What was in what it had asked for already is nothing new.
  expect(sets.change(delta([2, 3], [7]))).toEqual({ set: id, added: keys(3), removed: [] });
  expect(sets.change(delta([2], []))).toBeUndefined();
  expect([...sets.retain(id)]).toEqual(keys(1, 2, 3));
  expect(asked).toBe(1);
  expect(sets.change({ type: 'ip-set-update', id, kind: 'net', members: nets(3, 4) })).toEqual({
    set: id,
    added: keys(4),
    removed: keys(1, 2),
  });
  expect([...sets.release(id)]).toEqual(keys(3, 4));
  expect(sets.change(delta([5], []))).toBeDefined();
  expect([...sets.release(id)]).toEqual(keys(3, 4, 5));
  expect(sets.change(delta([6], []))).toBeUndefined();
  expect([...sets.release(id)]).toEqual([]);
});

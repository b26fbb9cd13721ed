import { parseCommunity, prefixViewOf, type Filter, type PathAttributes } from '@calico-node/bgp';
import { parseCidr, parseIp } from '@calico-node/net';
import { beforeEach, describe, expect, it } from 'vitest';
import { AttributeTable, type AttributeSet } from '../rib/attribute-table.ts';
import { Rib } from '../rib/rib.ts';
import type { RibSource } from '../rib/rib-views.ts';
import { filterImport, longLivedSet } from './import-policy.ts';

const received: PathAttributes = { origin: 'IGP', asPath: [], nextHop: parseIp('10.0.0.9') };
const prefix = parseCidr('192.0.2.0/24');
const longLivedStale = 0xffff0006;
const noLongLived = 0xffff0007;

let table: AttributeTable;
let set: AttributeSet;

beforeEach(() => {
  table = new AttributeTable();
  set = table.intern(received);
});

function filterAdding(community: string): readonly Filter[] {
  const operations = [{ kind: 'add-community', community: parseCommunity(community)! }] as const;
  return [{ name: 'f', rules: [{ family: 4, action: 'accept', onlyRemotePeers: false, operations }] }];
}

const filtered = (filters: readonly Filter[]): AttributeSet => filterImport(filters, prefixViewOf(prefix), set, table)!;

describe('import filters', () => {
  it('leave attributes as they came, or make others of them that know what came', () => {
    expect(filtered([])).toBe(set);
    const changed = filtered(filterAdding('1:2'));
    expect(changed.attributes).toEqual({ ...received, communities: [65538] });
    expect(changed.original).toBe(set);
    expect(filtered(filterAdding('1:2'))).toBe(changed);
  });

  it('mark as the last resort what they made, and what it was made of', () => {
    const changed = filtered(filterAdding('1:2'));
    const marked = longLivedSet(changed, table);
    expect(marked?.attributes.communities).toEqual([65538, longLivedStale]);
    expect(marked?.original?.attributes.communities).toEqual([longLivedStale]);
    const kept = table.intern({ ...received, communities: [noLongLived] });
    expect(longLivedSet(kept, table)).toBeUndefined();
  });

  it('leave nothing behind when the routes are gone', () => {
    const rib = new Rib(4, table, () => undefined);
    const source: RibSource = { id: 2, name: 'peer', route: { kind: 'kernel' } };
    rib.addSource(source);
    const id = rib.prefixes.internCidr(prefix);
    rib.announce(source, id, filtered(filterAdding('1:2')));
    table.purge();
    expect(table.size).toBe(2);
    rib.announce(source, id, filtered(filterAdding('1:3')));
    table.purge();
    expect(table.size).toBe(2);
    rib.withdraw(source, id);
    table.purge();
    expect(table.size).toBe(0);
  });
});

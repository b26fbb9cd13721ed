import { expect, it } from 'vitest';
import { startEtcd } from '@calico-node/datastore/testing';
import { prepareContention, runContention } from './support/contention.ts';

it(
  'never gives an address twice and loses none when allocator processes are killed',
  { timeout: 120_000 },
  async () => {
    await using etcd = await startEtcd();
    const [endpoint = ''] = etcd.endpoints;
    await prepareContention(endpoint, 2);
    const result = await runContention({ endpoint, processes: 6, pairs: 400, kills: 8, nodes: 2 });
    expect(result.problems).toEqual([]);
    expect(result.kills).toBeGreaterThan(0);
    expect(result.versions).toBeGreaterThan(400);
  },
);

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectDatastore, type Backend } from '@calico-node/datastore';
import { startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { decodeBlock, decodeHandle } from '@calico-node/model';
import { Ipam } from '../src/index.ts';

const apiVersion = 'projectcalico.org/v3';
const resources = '/calico/resources/v3/projectcalico.org';

let etcd: EtcdProcess;
const backends: Backend[] = [];

/** An allocator with connections of its own. */
function allocator(): Ipam {
  return new Ipam(connect());
}

function connect(): Backend {
  const backend = connectDatastore({ type: 'etcdv3', endpoints: etcd.endpoints, tls: {} });
  backends.push(backend);
  return backend;
}

async function addPool(backend: Backend, cidr: string, blockSize: number): Promise<void> {
  const body = { kind: 'IPPool', apiVersion, metadata: { name: 'p' }, spec: { cidr, blockSize } };
  await backend.put(`${resources}/ippools/p`, JSON.stringify(body));
}

async function addNode(backend: Backend, name: string): Promise<void> {
  await backend.put(
    `${resources}/nodes/${name}`,
    JSON.stringify({ kind: 'Node', apiVersion, metadata: { name }, spec: {} }),
  );
}

/** Holds blocks and handles against one another: each allocation is counted by its handle, and nothing else is. */
async function checkConsistency(backend: Backend): Promise<number> {
  const counted = new Map<string, number>();
  let total = 0;
  for (const { value } of (await backend.list('/calico/ipam/v2/assignment/')).items) {
    const block = decodeBlock(value);
    const owned = block.allocations.flatMap((index, ordinal) => (index === null ? [] : [ordinal]));
    expect([...owned, ...block.unallocated].sort((a, b) => a - b)).toEqual(
      block.allocations.map((_, ordinal) => ordinal),
    );
    for (const index of block.allocations) {
      if (index === null) continue;
      const key = `${block.attributes?.[index]?.handle_id ?? ''} ${block.cidr}`;
      counted.set(key, (counted.get(key) ?? 0) + 1);
      total++;
    }
  }
  const handles = (await backend.list('/calico/ipam/v2/handle/')).items.flatMap(({ key, value }) =>
    Object.entries(decodeHandle(value).block).map(
      ([cidr, count]) => [`${key.split('/').at(-1)!} ${cidr}`, count] as const,
    ),
  );
  expect(new Map(handles)).toEqual(counted);
  return total;
}

beforeEach(async () => {
  etcd = await startEtcd();
});

afterEach(async () => {
  for (const backend of backends.splice(0)) backend.close();
  await etcd.stop();
});

describe('many allocators at once', () => {
  it('never give an address twice, on one node', async () => {
    const backend = connect();
    await addPool(backend, '10.0.0.0/24', 28);
    await addNode(backend, 'n1');
    const given = await Promise.all(
      Array.from({ length: 8 }, async (_, worker) => {
        const ipam = allocator();
        const mine: string[] = [];
        for (let turn = 0; turn < 8; turn++) {
          const { ipv4 } = await ipam.autoAssign({
            num4: 1,
            nodeName: 'n1',
            use: 'Workload',
            handleId: `h${worker}.${turn}`,
          });
          mine.push(...ipv4.map(({ ip }) => ip));
        }
        return mine;
      }),
    );
    const all = given.flat();
    expect(all).toHaveLength(64);
    expect(new Set(all).size).toBe(64);
    expect(await checkConsistency(backend)).toBe(64);
  });

  it('use a pool up to the last address from many nodes, and lose none when all is given back meanwhile', async () => {
    const backend = connect();
    await addPool(backend, '10.0.0.0/26', 29);
    const nodes = Array.from({ length: 10 }, (_, index) => `n${index}`);
    for (const node of nodes) await addNode(backend, node);
    const holders = new Map<string, string>();
    const take = (ip: string, handle: string): void => {
      expect(holders.get(ip), `${ip} is held`).toBeUndefined();
      holders.set(ip, handle);
    };
    await Promise.all(
      nodes.map(async (nodeName, index) => {
        const ipam = allocator();
        for (let turn = 0; turn < 5; turn++) {
          const handleId = `h${index}.${turn}`;
          const { ipv4 } = await ipam.autoAssign({ num4: 4, nodeName, use: 'Workload', handleId });
          for (const { ip } of ipv4) take(ip, handleId);
          if (turn % 2 === 1) continue;
          const mine = [...holders].filter(([, handle]) => handle === handleId).map(([ip]) => ip);
          for (const ip of mine) holders.delete(ip);
          expect([...(await ipam.releaseByHandle(handleId))].sort()).toEqual(mine.sort());
        }
      }),
    );
    expect(await checkConsistency(backend)).toBe(holders.size);
    const { ipv4 } = await allocator().autoAssign({ num4: 64, nodeName: 'n0', use: 'Workload', handleId: 'rest' });
    for (const { ip } of ipv4) take(ip, 'rest');
    expect(holders.size).toBe(64);
    expect(await checkConsistency(backend)).toBe(64);
  });
});

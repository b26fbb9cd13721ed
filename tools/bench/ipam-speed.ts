/**
 * Allocations per second through the `ipam` service, and by a process that reads and writes the store for each
 * request, by turns on one etcd:
 *
 *   node tools/bench/ipam-speed.ts [--seconds 3] [--rounds 5] [--callers 1,16] [--fsync] [--json FILE]
 *
 * Each caller takes an address, gives it back, and begins again. `--fsync`: etcd waits for its disk. `ratio`: the
 * service's allocations per second to the peer's. The peers that go to the store write a block and its handle in one
 * transaction, as our plug-ins do when the service is away, or one after the other, as Calico's do.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { connectDatastore, Resources } from '@calico-node/datastore';
import { startEtcd } from '@calico-node/datastore/testing';
import { startCold, startService, type Allocator } from './ipam/allocators.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '5' },
    callers: { type: 'string', default: '1,16' },
    fsync: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

interface Measured {
  readonly pairsPerSecond: number;
  readonly assignMs: number;
  readonly releaseMs: number;
}

/** Lets callers allocate and release for a while. */
async function measure(allocator: Allocator, callers: number, seconds: number, name: string): Promise<Measured> {
  const assign: number[] = [];
  const release: number[] = [];
  const end = performance.now() + seconds * 1000;
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (let turn = 0; performance.now() < end; turn++) {
        const handle = `${name}.${caller}.${turn}`;
        const start = performance.now();
        await allocator.assign(handle);
        const given = performance.now();
        await allocator.release(handle);
        assign.push(given - start);
        release.push(performance.now() - given);
      }
    }),
  );
  return { pairsPerSecond: assign.length / seconds, assignMs: median(assign), releaseMs: median(release) };
}

await using etcd = await startEtcd(values.fsync ? { args: ['--unsafe-no-fsync=false'] } : {});
const [endpoint = ''] = etcd.endpoints;
const backend = connectDatastore({ type: 'etcdv3', endpoints: [endpoint], tls: {} });
const resources = new Resources(backend);
const apiVersion = 'projectcalico.org/v3';
const spec = { cidr: '10.0.0.0/16', nodeSelector: 'all()' };
await resources.create({ kind: 'IPPool', apiVersion, metadata: { name: 'p' }, spec });
for (const name of ['warm', 'cold', 'turn']) {
  await resources.create({ kind: 'Node', apiVersion, metadata: { name }, spec: {} });
}
backend.close();

const rows: Record<string, unknown>[] = [];
{
  await using service = await startService(endpoint, 'warm');
  await using cold = await startCold(endpoint, 'cold', 'together');
  await using turn = await startCold(endpoint, 'turn', 'in-turn');
  const peers = [
    ['ipam service', service],
    ['store per request', cold],
    ['store per request, objects in turn', turn],
  ] as const;
  for (const callers of values.callers.split(',').map(Number)) {
    const results = new Map<string, Measured[]>();
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const [name, allocator] of peers) {
        if (round === 0) await measure(allocator, callers, 0.5, `warmup${callers}`);
        const measured = await measure(allocator, callers, Number(values.seconds), `c${callers}.r${round}`);
        results.set(name, [...(results.get(name) ?? []), measured]);
      }
    }
    const rate = (name: string): number => median(results.get(name)?.map((one) => one.pairsPerSecond) ?? []);
    for (const [name] of peers) {
      const all = results.get(name) ?? [];
      rows.push({
        callers,
        allocator: name,
        'pairs/s': Math.round(rate(name)),
        'assign ms': Number(median(all.map((one) => one.assignMs)).toFixed(2)),
        'release ms': Number(median(all.map((one) => one.releaseMs)).toFixed(2)),
        ratio: Number((rate('ipam service') / rate(name)).toFixed(1)),
      });
    }
  }
}
console.table(rows);
console.log(JSON.stringify({ bench: 'ipam-speed', fsync: values.fsync, rows }));
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(rows, undefined, 2));

/**
 * Whether an address is ever held twice, or lost: many allocator processes on one etcd, killed at random.
 *
 *   node tools/bench/ipam-contention.ts [--processes 16] [--pairs 10000] [--kills 60] [--nodes 4] [--json FILE]
 *
 * A third of the processes allocate from memory as the `ipam` service does, a third read the store for each request
 * as a plug-in without the service does, and a third also write one object after another, as Calico's own allocator
 * does. Ends with 1 when anything is wrong.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startEtcd } from '@calico-node/datastore/testing';
import { prepareContention, runContention } from '../../libs/ipam/test/support/contention.ts';

const { values } = parseArgs({
  options: {
    processes: { type: 'string', default: '16' },
    pairs: { type: 'string', default: '10000' },
    kills: { type: 'string', default: '60' },
    nodes: { type: 'string', default: '4' },
    json: { type: 'string' },
  },
});
const [processes, pairs, kills, nodes] = [values.processes, values.pairs, values.kills, values.nodes].map(Number);
if (processes === undefined || pairs === undefined || kills === undefined || nodes === undefined) process.exit(2);

await using etcd = await startEtcd();
const [endpoint = ''] = etcd.endpoints;
await prepareContention(endpoint, nodes);
const result = await runContention({ endpoint, processes, pairs, kills, nodes });
console.table({
  'allocator processes': processes,
  'allocate and release pairs': pairs,
  'kill -9': result.kills,
  'handles left by the killed': result.abandoned,
  'block versions checked': result.versions,
  'pairs per second': Math.round(pairs / result.seconds),
  problems: result.problems.length,
});
for (const problem of result.problems.slice(0, 20)) console.log(problem);
console.log(JSON.stringify({ bench: 'ipam-contention', processes, pairs, nodes, ...result }));
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(result, undefined, 2));
process.exitCode = result.problems.length === 0 ? 0 : 1;

/**
 * What it costs Felix to take in a large cluster: the calculation graph alone, in one process, from the store's texts
 * to the intents for its dataplane. The workload is the one that Felix's Go implementation publishes a figure of (3.4 s
 * and 375 MB of heap on a laptop core, from resources already decoded: compare with `graph`): 250,000 workload endpoints, 200 of them local,
 * 10,000 policies of five rules, 100 namespaces.
 *
 * Usage: node --expose-gc tools/bench/felix-snapshot.ts [ROUNDS] [ENDPOINTS] [LOCAL] [POLICIES]
 */
import { decodeResource, parseResourceKey } from '../../libs/model/src/index.ts';
import { parseNodeName } from '../../libs/net/src/index.ts';
import { CalcGraph, type StoreUpdate } from '../../apps/felix/src/calc/calc-graph.ts';
import type { IntentBatch } from '../../apps/felix/src/calc/intents.ts';
import { endpoints, host, policies, profiles } from './felix/snapshot-workload.ts';

const [rounds = 3, total = 250_000, local = 200, policyCount = 10_000] = process.argv.slice(2).map(Number);

/** Processor time: the machine may have other work. */
interface Round {
  readonly totalMs: number;
  readonly decodeMs: number;
  readonly graphMs: number;
  readonly heapMb: number;
  readonly intents: number;
  readonly members: number;
}

const { gc } = globalThis;
if (gc === undefined) throw new Error('the heap is measured after garbage collection: run with --expose-gc');

function heapUsed(): number {
  gc?.();
  return process.memoryUsage().heapUsed;
}

/** The texts are made before and counted out: a store has them, not Felix. */
const workload: readonly StoreUpdate[] = [
  ...policies(policyCount),
  ...profiles(),
  ...endpoints(total, 'remote', 0x0a000001),
  ...endpoints(local, host, 0x0b000001),
];

function processorMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

function decodeAll(): number {
  const startedAt = process.cpuUsage();
  for (const { key, value, revision } of workload) {
    const parsed = parseResourceKey(key);
    if (parsed !== undefined && value !== undefined) decodeResource(parsed.kind, value, revision);
  }
  return processorMs(startedAt);
}

function runOnce(): Round {
  heapUsed();
  const decodeMs = decodeAll();
  const before = heapUsed();
  const startedAt = process.cpuUsage();
  const graph = new CalcGraph({ hostname: parseNodeName(host) });
  for (const update of workload) graph.update(update);
  graph.onInSync();
  const { intents, members } = count(graph.flush());
  const totalMs = processorMs(startedAt);
  const heapMb = (heapUsed() - before) / 1e6;
  // Used after the measurement, so that it is in the heap until then.
  if (graph.items.size < total) throw new Error('endpoints are missing');
  return { totalMs, decodeMs, graphMs: totalMs - decodeMs, heapMb, intents, members };
}

function count({ intents, warnings }: IntentBatch): Pick<Round, 'intents' | 'members'> {
  if (warnings.length > 0) throw new Error(`refused: ${warnings[0]?.message ?? ''}`);
  const members = intents.reduce((sum, each) => sum + (each.type === 'ip-set-update' ? each.members.length : 0), 0);
  return { intents: intents.length, members };
}

const results = Array.from({ length: rounds }, runOnce);
console.log(`${total} endpoints (${local} local), ${policyCount} policies; from text to intents in one process`);
console.log('round  from text to intents  decoding alone     graph  heap held  intents  set members');
const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
for (const [index, { totalMs, decodeMs, graphMs, heapMb, intents, members }] of results.entries()) {
  const columns = [
    inSeconds(totalMs).padStart(21),
    inSeconds(decodeMs).padStart(15),
    inSeconds(graphMs).padStart(9),
    `${heapMb.toFixed(0)} MB`.padStart(10),
    String(intents).padStart(8),
    String(members).padStart(12),
  ];
  console.log(`${String(index + 1).padStart(5)} ${columns.join(' ')}`);
}
const least = (pick: (round: Round) => number): number => Math.round(Math.min(...results.map(pick)));
console.log(
  JSON.stringify({
    total,
    local,
    policies: policyCount,
    totalMs: least(({ totalMs }) => totalMs),
    decodeMs: least(({ decodeMs }) => decodeMs),
    graphMs: least(({ graphMs }) => graphMs),
    heapMb: least(({ heapMb }) => heapMb),
    rounds: results,
  }),
);

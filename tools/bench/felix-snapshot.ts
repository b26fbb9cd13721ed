/**
 * What it costs Felix to take in a large cluster: the calculation graph alone, in one process, from the store's texts
 * to the intents for its dataplane. The workload is the one that Felix's Go implementation publishes a figure of (3.4 s
 * and 375 MB of heap on a laptop core, from resources already decoded: compare with `graph`): 250,000 workload endpoints, 200 of them local,
 * 10,000 policies of five rules, 100 namespaces. `reading` is what turns texts into what the graph works on; `decoding` is
 * what it would be if every endpoint were decoded in whole.
 *
 * Usage: node --expose-gc tools/bench/felix-snapshot.ts [ROUNDS] [ENDPOINTS] [LOCAL] [POLICIES]
 */
import {
  decodeResource,
  isWorkloadEndpointName,
  parseResourceKey,
  type ResourceKey,
  type WorkloadEndpoint,
} from '../../libs/model/src/index.ts';
import { parseNodeName } from '../../libs/net/src/index.ts';
import { CalcGraph, type StoreUpdate } from '../../apps/felix/src/calc/calc-graph.ts';
import { EndpointItems } from '../../apps/felix/src/calc/convert/endpoint-items.ts';
import { parseEndpointKey } from '../../apps/felix/src/calc/convert/workload-endpoint.ts';
import type { IntentBatch } from '../../apps/felix/src/calc/intents.ts';
import { endpoints, host, policies, profiles } from './felix/snapshot-workload.ts';

const [rounds = 3, total = 250_000, local = 200, policyCount = 10_000] = process.argv.slice(2).map(Number);

/** Processor time, since the machine may have other work: of the process, and of its main thread where that is said. */
interface Round {
  readonly totalMs: number;
  readonly threadMs: number;
  readonly readMs: number;
  readonly graphMs: number;
  readonly decodeMs: number;
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

function milliseconds({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1000;
}

/** Reads each of the texts, and gives the main thread's time for it. */
function readAll(read: (resource: ResourceKey, text: string, revision: bigint) => unknown): number {
  const startedAt = process.threadCpuUsage();
  for (const { key, value, revision } of workload) {
    const parsed = parseResourceKey(key);
    if (parsed !== undefined && value !== undefined) read(parsed, value, revision);
  }
  return milliseconds(process.threadCpuUsage(startedAt));
}

function readAsTheGraphDoes(): number {
  const items = new EndpointItems();
  return readAll(({ kind, name, namespace = '' }, text, revision) => {
    if (kind !== 'WorkloadEndpoint') return decodeResource(kind, text, revision);
    const decode = (stored: string): WorkloadEndpoint => decodeResource(kind, stored, revision);
    if (!name.startsWith(`${host}-`) && isWorkloadEndpointName(name)) return items.fromText(text, namespace, decode);
    parseEndpointKey(name, namespace);
    return items.fromResource(decode(text), namespace);
  });
}

function runOnce(): Round {
  heapUsed();
  const decodeMs = readAll(({ kind }, text, revision) => decodeResource(kind, text, revision));
  const readMs = readAsTheGraphDoes();
  const before = heapUsed();
  const startedAt = process.cpuUsage();
  const threadStartedAt = process.threadCpuUsage();
  const graph = new CalcGraph({ hostname: parseNodeName(host) });
  for (const update of workload) graph.update(update);
  graph.onInSync();
  const { intents, members } = count(graph.flush());
  const threadMs = milliseconds(process.threadCpuUsage(threadStartedAt));
  const totalMs = milliseconds(process.cpuUsage(startedAt));
  const heapMb = (heapUsed() - before) / 1e6;
  // Used after the measurement, so that it is in the heap until then.
  if (graph.items.size < total) throw new Error('endpoints are missing');
  return { totalMs, threadMs, readMs, graphMs: threadMs - readMs, decodeMs, heapMb, intents, members };
}

function count({ intents, warnings }: IntentBatch): Pick<Round, 'intents' | 'members'> {
  if (warnings.length > 0) throw new Error(`refused: ${warnings[0]?.message ?? ''}`);
  const members = intents.reduce((sum, each) => sum + (each.type === 'ip-set-update' ? each.members.length : 0), 0);
  return { intents: intents.length, members };
}

const results = Array.from({ length: rounds }, runOnce);
console.log(`${total} endpoints (${local} local), ${policyCount} policies; from text to intents in one process`);
console.log(
  'round  from text to intents  its main thread  reading     graph  decoding  heap held  intents  set members',
);
const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
for (const [index, round] of results.entries()) {
  const { totalMs, threadMs, readMs, graphMs, decodeMs, heapMb, intents, members } = round;
  const columns = [
    inSeconds(totalMs).padStart(21),
    inSeconds(threadMs).padStart(16),
    inSeconds(readMs).padStart(8),
    inSeconds(graphMs).padStart(9),
    inSeconds(decodeMs).padStart(9),
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
    threadMs: least(({ threadMs }) => threadMs),
    readMs: least(({ readMs }) => readMs),
    graphMs: least(({ graphMs }) => graphMs),
    decodeMs: least(({ decodeMs }) => decodeMs),
    heapMb: least(({ heapMb }) => heapMb),
    rounds: results,
  }),
);

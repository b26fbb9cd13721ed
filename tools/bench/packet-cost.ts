/**
 * What policy costs packets, with nftables:
 *
 *   node tools/bench/packet-cost.ts [--chains 10000] [--seconds 0.1] [--rounds 61] [--mbit 1000] [--only-across] [--json FILE]
 *
 * - from one workload to another of its node, where the node has 10 workloads and where it has 10,000, by turns;
 * - from a workload to one of another node under policy, beside from node to node, over a wire of 1 Gbit/s, and over one
 *   that is as fast as the machine; and beside the same between nodes that have no rule at all.
 *
 * rr: TCP round trips a second on one connection; crr: connections a second, which have to pass all of policy; stream:
 * Mbit/s. Needs root, gcc, ip, tc. Sender, receiver and all that is between share one CPU.
 */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { DrivenNamespace } from './felix/driven-namespace.ts';
import { joinNodes, limitWire, Namespaces } from './felix/packet-nodes.ts';
import { host, interfaceOf, ipSet, openProfile, policy, start, workload } from './felix/policy-workload.ts';
import { TcpLoad, type LoadMode } from './felix/tcp-load.ts';

const { values } = parseArgs({
  options: {
    chains: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '0.1' },
    rounds: { type: 'string', default: '61' },
    mbit: { type: 'string', default: '1000' },
    'only-across': { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const chains = Number(values.chains);
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
const mbit = Number(values.mbit);
const port = 80;
const prefix = `cnt-${randomBytes(3).toString('hex')}`;

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

/** One way for packets to go. */
interface Path {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

interface Row {
  readonly what: string;
  readonly mode: LoadMode;
  readonly over: number;
  readonly under: number;
  /** Of medians. */
  readonly ratio: number;
  /** The median of the rounds' own: what disturbs one half of a round mostly disturbs the other. */
  readonly pairedRatio: number;
  readonly bestRatio: number;
}

/** Measures two ways by turns, each round in the other order, and how `path` does beside `peer`. */
async function compare(load: TcpLoad, what: string, mode: LoadMode, path: Path, peer: Path): Promise<Row> {
  const rates = { path: [] as number[], peer: [] as number[] };
  const measure = async (which: 'path' | 'peer'): Promise<void> => {
    const { from, to } = which === 'path' ? path : peer;
    rates[which].push(await load.measure(from, mode, to, port, seconds));
  };
  for (let round = 0; round < rounds; round++) {
    for (const which of round % 2 === 0 ? (['path', 'peer'] as const) : (['peer', 'path'] as const))
      await measure(which);
  }
  const ratio = (a: number, b: number): number => Number((a / b).toFixed(3));
  const scale = mode === 'stream' ? 1e6 : 1;
  return {
    what,
    mode,
    over: Math.round(median(rates.path) / scale),
    under: Math.round(median(rates.peer) / scale),
    ratio: ratio(median(rates.path), median(rates.peer)),
    pairedRatio: ratio(median(rates.path.map((rate, round) => rate / (rates.peer[round] ?? Number.NaN))), 1),
    bestRatio: ratio(Math.max(...rates.path), Math.max(...rates.peer)),
  };
}

const address = (index: number): string => host(index).replace('/32', '');

/** A node whose driver has this many workloads, each with a policy of its own that lets in what the others send. */
async function drive(node: string, count: number, drivers: DisposableStack): Promise<void> {
  const driven = drivers.use(new DrivenNamespace('nftables', node));
  const indexes = Array.from({ length: count }, (_, index) => index);
  await driven.apply(
    ...start,
    openProfile,
    ipSet(0, 100),
    ...indexes.map((index) => policy(index, 1, 1, port)),
    ...indexes.map((index) => workload(index, [index], ['open'])),
  );
}

async function nodeSizes(load: TcpLoad, namespaces: Namespaces, drivers: DisposableStack): Promise<Row[]> {
  const paths: Path[] = [];
  for (const count of [10, chains]) {
    const node = namespaces.addNode(`${prefix}-${count}`);
    await drive(node, count, drivers);
    const [from = '', to = ''] = [3, 7].map((index) =>
      namespaces.addWorkload(node, interfaceOf(index), address(index)),
    );
    await load.serve(to, port);
    paths.push({ name: `${count} workloads`, from, to: address(7) });
  }
  const [few, many] = paths;
  if (few === undefined || many === undefined) return [];
  const rows: Row[] = [];
  for (const mode of ['rr', 'crr', 'stream'] as const) {
    rows.push(await compare(load, `${many.name} beside ${few.name}`, mode, many, few));
  }
  return rows;
}

/** Two nodes with a workload each, and the way between them and their workloads. */
interface NodePair {
  readonly nodes: readonly [string, string];
  readonly workloads: Path;
  readonly hosts: Path;
}

async function joined(
  load: TcpLoad,
  namespaces: Namespaces,
  names: readonly [string, string],
  drivers: DisposableStack | undefined,
): Promise<NodePair> {
  const nodes = [`${prefix}-${names[0]}`, `${prefix}-${names[1]}`] as const;
  for (const node of nodes) {
    namespaces.addNode(node);
    if (drivers !== undefined) await drive(node, 100, drivers);
  }
  joinNodes(nodes, [address(3), address(7)]);
  const from = namespaces.addWorkload(nodes[0], interfaceOf(3), address(3));
  const to = namespaces.addWorkload(nodes[1], interfaceOf(7), address(7));
  await load.serve(to, port);
  await load.serve(nodes[1], port);
  return {
    nodes,
    workloads: { name: 'workload to workload', from, to: address(7) },
    hosts: { name: 'host to host', from: nodes[0], to: '192.0.2.2' },
  };
}

/** What nodes without a rule of anybody's do beside it tells what the way costs, and what policy. */
async function acrossNodes(load: TcpLoad, namespaces: Namespaces, drivers: DisposableStack): Promise<Row[]> {
  const { nodes, workloads, hosts } = await joined(load, namespaces, ['a', 'b'], drivers);
  const plain = await joined(load, namespaces, ['c', 'd'], undefined);
  limitWire(nodes, mbit);
  const limited = await compare(load, `workloads beside hosts, ${mbit} Mbit/s`, 'stream', workloads, hosts);
  limitWire(nodes, undefined);
  const rows = [limited];
  for (const mode of ['stream', 'rr', 'crr'] as const) {
    rows.push(
      await compare(load, 'workloads beside hosts, no limit', mode, workloads, hosts),
      await compare(load, 'the same, no rule on either node', mode, plain.workloads, plain.hosts),
      await compare(load, 'workloads with policy beside workloads without', mode, workloads, plain.workloads),
    );
  }
  return rows;
}

await using load = new TcpLoad(1);
using namespaces = new Namespaces();
using drivers = new DisposableStack();
const rows = [
  ...(values['only-across'] ? [] : await nodeSizes(load, namespaces, drivers)),
  ...(await acrossNodes(load, namespaces, drivers)),
];
console.table(rows);
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ chains, seconds, rounds, mbit, rows }, null, 2)}\n`);
}

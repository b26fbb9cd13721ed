/**
 * How long a CNI ADD takes, from exec to exit, on a whole node: our plug-in, which answers when Felix has the
 * policy in the kernel, beside `ptp` with `host-local` of containernetworking-plugins, by turns on one node that
 * fills up with workloads:
 *
 *   node tools/bench/cni-add.ts [--workloads 250] [--alone] [--json FILE]
 *
 * `--alone`: ours without the peer, how much processor time each process takes for an ADD, and the slowest
 * ADDs. Needs root and `make build`. The node is a lab's, in network namespaces.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { down, nodeDirs, nodeEnvironment, program, run, up } from '@calico-node/lab';
import type { Measured, OneAdd, Orders, Timings } from './cni/attach-many.ts';

const restMs = 2000;
const peerPath = '/usr/lib/cni';
const { values } = parseArgs({
  options: {
    workloads: { type: 'string', default: '250' },
    alone: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const count = Number(values.workloads);

const quantile = (numbers: readonly number[], part: number): string => {
  const sorted = numbers.toSorted((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN).toFixed(1);
};

/** How full the node is where ADD is looked at: whether it stays flat as the node fills up. */
const marks = [10, 50, 100, 250];
/** Over how many ADDs before a mark the median goes. */
const window = 20;

/** How many of the slowest ADDs are shown with `--alone`. */
const slowest = 12;

const rounded = ({ workload, ms, processorMs }: OneAdd): Record<string, number> => ({
  workload,
  ...Object.fromEntries(
    Object.entries({ ms, ...processorMs }).map(([name, value]) => [name, Number(value.toFixed(1))]),
  ),
});

/** The times of one plug-in, or how one plug-in's compare with another's. */
function row(name: string, { add, del }: Timings): Record<string, string> {
  const at = marks.filter((mark) => mark <= add.length);
  return {
    plugin: name,
    'ADD median': quantile(add, 0.5),
    'ADD p99': quantile(add, 0.99),
    ...Object.fromEntries(at.map((mark) => [`at ${mark}`, quantile(add.slice(Math.max(0, mark - window), mark), 0.5)])),
    'DEL median': quantile(del, 0.5),
    'DEL p99': quantile(del, 0.99),
  };
}

/** Ours as a part of the peer's, column by column. */
function ratios(ours: Record<string, string>, peer: Record<string, string>): Record<string, string> {
  const cells = Object.entries(ours).map(([column, text]) => [
    column,
    column === 'plugin' ? 'ours / peer' : (Number(text) / Number(peer[column])).toFixed(2),
  ]);
  return Object.fromEntries(cells) as Record<string, string>;
}

if (!existsSync(join(peerPath, 'ptp'))) {
  console.log(`${peerPath}/ptp is missing: apt-get install containernetworking-plugins; measuring ours alone`);
}
const name = `b${randomBytes(3).toString('hex')}`;
const dataDir = mkdtempSync(join(tmpdir(), 'calico-bench-cni-'));
try {
  const { plan } = await up({ name, nodes: 1 }, console.log);
  const [node] = plan.nodes;
  if (node === undefined) throw new Error('the lab has no node');
  const ours = {
    name: 'ours',
    path: program('calico'),
    env: nodeEnvironment(plan, node),
    config: {
      cniVersion: '1.0.0',
      name: 'lab',
      type: 'calico',
      datastore_type: 'etcdv3',
      etcd_endpoints: plan.etcdEndpoint,
      nodename_file: nodeDirs(plan.name, node.name).nodenameFile,
      ipam: { type: 'calico-ipam' },
    },
  };
  const peer = {
    name: 'ptp + host-local',
    path: join(peerPath, 'ptp'),
    env: { CNI_PATH: peerPath, PATH: process.env['PATH'] ?? '' },
    config: {
      cniVersion: '1.0.0',
      name: 'ptp',
      type: 'ptp',
      ipam: { type: 'host-local', dataDir, ranges: [[{ subnet: '10.99.0.0/16' }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
  };
  const hasPeer = !values.alone && existsSync(peer.path);
  const orders: Orders = {
    count,
    prefix: `${name}w`,
    eachProcessorTime: !hasPeer,
    plugins: hasPeer ? [ours, peer] : [ours],
  };
  // Ready, the node's services go on for a moment with what they have put off.
  await sleep(restMs);
  const finished = await run({
    lab: name,
    netns: node.netns,
    command: process.execPath,
    args: [join(import.meta.dirname, 'cni/attach-many.ts'), JSON.stringify(orders)],
  });
  if (finished.code !== 0) throw new Error(finished.stderr);
  const { timings, adds, addProcessorMs } = JSON.parse(finished.stdout) as Measured;
  const rows = Object.entries(timings).map(([plugin, measured]) => row(plugin, measured));
  const [first, second] = rows;
  if (first !== undefined && second !== undefined) rows.push(ratios(first, second));
  console.log('milliseconds from exec to exit:');
  console.table(rows);
  const processorMs = Object.entries(addProcessorMs)
    .map(([process, ms]) => ({ process, 'ms for an ADD': Number((ms / count).toFixed(2)) }))
    .filter(({ 'ms for an ADD': ms }) => ms > 0)
    .sort((a, b) => b['ms for an ADD'] - a['ms for an ADD']);
  if (values.alone) {
    console.log('processor time:');
    console.table(processorMs);
    console.log('the slowest, with the processor time of each process:');
    console.table(
      adds
        .toSorted((a, b) => b.ms - a.ms)
        .slice(0, slowest)
        .map(rounded),
    );
  }
  console.log(JSON.stringify({ bench: 'cni-add', workloads: count, rows, ...(values.alone ? { processorMs } : {}) }));
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(timings));
} finally {
  await down(name);
  rmSync(dataDir, { recursive: true, force: true });
}

/*
 * Runs inside a node's network namespace: attaches workloads by each plug-in, by turns, and detaches them again;
 * prints how long each exec took to exit, in milliseconds. Takes its orders as JSON.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createNetns, deleteNetns } from '@calico-node/netlink';
import { processorMs, processesBeside } from './processor-time.ts';

export interface Orders {
  readonly count: number;
  readonly prefix: string;
  /** Whether to look at the processor time of each ADD, too. */
  readonly eachProcessorTime: boolean;
  readonly plugins: readonly {
    readonly name: string;
    readonly path: string;
    readonly env: Readonly<Record<string, string>>;
    readonly config: object;
  }[];
}

export interface Timings {
  readonly add: number[];
  readonly del: number[];
}

/** How long one ADD took, and the processor time of each process meanwhile and shortly before, in milliseconds. */
export interface OneAdd {
  readonly workload: number;
  readonly ms: number;
  readonly processorMs: Readonly<Record<string, number>>;
}

export interface Measured {
  readonly timings: Readonly<Record<string, Timings>>;
  /** Where they were asked for. */
  readonly adds: readonly OneAdd[];
  /** Processor time of all ADDs, in milliseconds, by the name of the process that took it. */
  readonly addProcessorMs: Readonly<Record<string, number>>;
}

const orders = JSON.parse(process.argv[2] ?? '') as Orders;

/** As container runtimes make them: 64 hexadecimal digits. */
const containerId = (netns: string): string => createHash('sha256').update(netns).digest('hex');

function exec(plugin: Orders['plugins'][number], command: string, netns: string): number {
  const env = {
    ...plugin.env,
    CNI_COMMAND: command,
    CNI_CONTAINERID: containerId(netns),
    CNI_NETNS: `/run/netns/${netns}`,
    CNI_IFNAME: 'eth0',
  };
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(plugin.path, [], { env, input: JSON.stringify(plugin.config) });
  const took = performance.now() - start;
  if (status !== 0) throw new Error(`${plugin.name} ${command} ${netns}: ${stdout.toString()}${stderr.toString()}`);
  return took;
}

const difference = (after: Record<string, number>, before: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(after).map(([name, ms]) => [name, ms - (before[name] ?? 0)]));

const timings: Record<string, Timings> = {};
const made: string[] = [];
/** The plug-ins by turns; who comes first changes too. */
function forEach(work: (plugin: Orders['plugins'][number], netns: string) => void): void {
  for (let index = 0; index < orders.count; index++) {
    const turns = [...orders.plugins.entries()];
    if (index % 2 === 1) turns.reverse();
    for (const [which, plugin] of turns) work(plugin, `${orders.prefix}${which}x${index}`);
  }
}
try {
  for (const { name } of orders.plugins) timings[name] = { add: [], del: [] };
  const processes = processesBeside();
  const before = processorMs(processes);
  const adds: OneAdd[] = [];
  let last = before;
  forEach((plugin, netns) => {
    createNetns(netns);
    made.push(netns);
    const ms = exec(plugin, 'ADD', netns);
    timings[plugin.name]?.add.push(ms);
    if (!orders.eachProcessorTime) return;
    const now = processorMs(processes);
    adds.push({ workload: adds.length, ms, processorMs: difference(now, last) });
    last = now;
  });
  const after = processorMs(processes);
  forEach((plugin, netns) => {
    timings[plugin.name]?.del.push(exec(plugin, 'DEL', netns));
  });
  process.stdout.write(JSON.stringify({ timings, adds, addProcessorMs: difference(after, before) } satisfies Measured));
} finally {
  for (const netns of made) deleteNetns(netns);
}

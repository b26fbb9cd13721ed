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

export interface Measured {
  readonly timings: Readonly<Record<string, Timings>>;
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
  forEach((plugin, netns) => {
    createNetns(netns);
    made.push(netns);
    timings[plugin.name]?.add.push(exec(plugin, 'ADD', netns));
  });
  const after = processorMs(processes);
  forEach((plugin, netns) => {
    timings[plugin.name]?.del.push(exec(plugin, 'DEL', netns));
  });
  const addProcessorMs = Object.fromEntries(
    Object.entries(after).map(([name, ms]) => [name, ms - (before[name] ?? 0)]),
  );
  process.stdout.write(JSON.stringify({ timings, addProcessorMs } satisfies Measured));
} finally {
  for (const netns of made) deleteNetns(netns);
}

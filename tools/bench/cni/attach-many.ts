/*
 * Runs inside a node's network namespace: attaches workloads by our plug-in and by `ptp` with `host-local`, by
 * turns, and prints how long each exec took to exit, in milliseconds. Takes its orders as JSON.
 */
import { spawnSync } from 'node:child_process';
import { createNetns, deleteNetns } from '@calico-node/netlink';

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

const orders = JSON.parse(process.argv[2] ?? '') as Orders;

function exec(plugin: Orders['plugins'][number], command: string, id: string): number {
  const env = {
    ...plugin.env,
    CNI_COMMAND: command,
    CNI_CONTAINERID: id,
    CNI_NETNS: `/run/netns/${id}`,
    CNI_IFNAME: 'eth0',
  };
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(plugin.path, [], { env, input: JSON.stringify(plugin.config) });
  const took = performance.now() - start;
  if (status !== 0) throw new Error(`${plugin.name} ${command} ${id}: ${stdout.toString()}${stderr.toString()}`);
  return took;
}

const timings: Record<string, Timings> = {};
const made: string[] = [];
try {
  for (const { name } of orders.plugins) timings[name] = { add: [], del: [] };
  for (let index = 0; index < orders.count; index++) {
    for (const [which, plugin] of orders.plugins.entries()) {
      const id = `${orders.prefix}${which}x${index}`;
      createNetns(id);
      made.push(id);
      timings[plugin.name]?.add.push(exec(plugin, 'ADD', id));
    }
  }
  for (let index = 0; index < orders.count; index++) {
    for (const [which, plugin] of orders.plugins.entries()) {
      timings[plugin.name]?.del.push(exec(plugin, 'DEL', `${orders.prefix}${which}x${index}`));
    }
  }
  process.stdout.write(JSON.stringify(timings));
} finally {
  for (const id of made) deleteNetns(id);
}

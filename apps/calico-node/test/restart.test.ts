import { execFileSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CalicoNodeStatus } from '@calico-node/model';
import { callUnary, connectUnix, nodeV1 } from '@calico-node/rpc';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nativeSource } from '../src/bgp/native-source.ts';
import { findOrphans } from '../src/supervisor/orphans.ts';
import { NodeRig } from './node-rig.ts';

let rig: NodeRig;
let node: ChildProcess;
let log: string[];

beforeAll(async () => {
  rig = await NodeRig.start({});
  await rig.startNeighbour();
  await addWorkload();
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

/** A workload's interface, and a policy for it: what Felix programs rules, sets and a route for. */
async function addWorkload(): Promise<void> {
  const ip = (...args: string[]): string => output('ip', ...args);
  ip('link', 'add', 'cali0w1', 'type', 'veth', 'peer', 'name', 'w1');
  ip('link', 'set', 'cali0w1', 'up');
  ip('link', 'set', 'w1', 'up');
  await rig.resources.create({
    kind: 'WorkloadEndpoint',
    apiVersion: 'projectcalico.org/v3',
    metadata: { name: 'n1-lab-w1-eth0', namespace: 'default', labels: { app: 'web' } },
    spec: {
      node: 'n1',
      orchestrator: 'lab',
      workload: 'w1',
      endpoint: 'eth0',
      interfaceName: 'cali0w1',
      ipNetworks: ['10.65.7.1/32'],
    },
  });
  const source = { nets: ['192.0.2.0/24'] };
  await rig.resources.create({
    kind: 'GlobalNetworkPolicy',
    apiVersion: 'projectcalico.org/v3',
    metadata: { name: 'web' },
    spec: { selector: "app == 'web'", types: ['Ingress'], ingress: [{ action: 'Allow', source }] },
  });
}

/** Counts what the kernel tells of changed rules, routes, links and addresses, until it is asked. */
function countKernelChanges(): () => Promise<string[]> {
  const watchers = [rig.spawn('nft', ['monitor']), rig.spawn('ip', ['monitor', 'link', 'address', 'route', 'rule'])];
  const lines: string[] = [];
  for (const { stdout } of watchers) {
    stdout!.setEncoding('utf8').on('data', (text: string) => lines.push(...text.trim().split('\n')));
  }
  return async () => {
    await Promise.all(
      watchers.map(async (watcher) => {
        const gone = once(watcher, 'close');
        watcher.kill('SIGTERM');
        await gone;
      }),
    );
    return lines;
  };
}

/** The sum of a metric of one of the processes. */
async function metric(port: number, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const values = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].map((match) =>
    Number(match[1]),
  );
  expect(values, name).not.toEqual([]);
  return values.reduce((sum, value) => sum + value, 0);
}

const output = (command: string, ...args: string[]): string => execFileSync(command, args, { encoding: 'utf8' });

/** What a node leaves in the kernel, without what only counts time. */
function kernelState(): string {
  return [
    output('nft', '-s', 'list', 'ruleset'),
    output('ip', '-4', 'route', 'show', 'table', 'all'),
    output('ip', '-o', 'link'),
    output('ip', '-o', '-4', 'address'),
    output('ip', 'rule'),
  ].join('\n');
}

async function setLogLevel(process: string, level: string): Promise<void> {
  const client = connectUnix(nodeV1.NodeServiceClient, join(rig.dir, 'run/node.sock'));
  try {
    await callUnary(client.setLogLevel.bind(client), { process, level }, { timeoutMs: 2000 });
  } finally {
    client.close();
  }
}

async function startReady(): Promise<readonly nodeV1.Process[]> {
  log = [];
  node = rig.startNode(log);
  return rig.ready();
}

async function stop(): Promise<number> {
  const before = Date.now();
  const exited = once(node, 'exit');
  node.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
  return Date.now() - before;
}

describe('a whole node', () => {
  let before: string;

  test('comes up with everything that BGP needs, and measures it', async () => {
    const processes = await startReady();
    expect(processes.map(({ name }) => name)).toEqual(['ipam', 'felix', 'bgp-daemon', 'confd', 'cni-server']);
    for (const name of ['cpu_seconds_total', 'resident_memory_bytes', 'proportional_memory_bytes', 'open_fds']) {
      expect(await metric(9190, `calico_node_process_${name}`)).toBeGreaterThan(0);
    }
    expect(await metric(9190, 'calico_node_process_ready')).toBe(5);
    expect(await metric(9190, 'calico_node_process_restarts_total')).toBe(0);
    await expect.poll(() => metric(9099, 'felix_kernel_writes')).toBeGreaterThan(0);
    await expect.poll(kernelState, { timeout: 20_000 }).toMatch(/10\.65\.200\.0\/26 via 10\.9\.0\.2/);
    expect(kernelState()).toMatch(/10\.65\.7\.1 dev cali0w1/);
    expect(kernelState()).toContain('192.0.2.0/24');
  });

  test('changes the level of every process without a restart', async () => {
    const processes = (await rig.status()).processes;
    await setLogLevel('', 'debug');
    const changed = (): (string | undefined)[] =>
      log
        .join('')
        .split('\n')
        .filter((line) => line.includes('"logLevel":"debug"'))
        .map((line) => /"component":"([^"]+)"/.exec(line)?.[1]);
    await expect.poll(() => changed().toSorted()).toEqual(processes.map(({ name }) => name).toSorted());
    await setLogLevel('', 'info');
    await expect(setLogLevel('felix', 'loud')).rejects.toThrow(/'loud' is not one of trace, debug/);
    await expect(setLogLevel('bird', 'debug')).rejects.toThrow(/there is no 'bird'/);
    expect((await rig.status()).processes.map(({ pid }) => pid)).toEqual(processes.map(({ pid }) => pid));
  });

  test('says at /readiness what is wrong, what follows from it, and what to do', async () => {
    const pid = (await rig.status()).processes.find(({ name }) => name === 'bgp-daemon')!.pid;
    const readiness = async (): Promise<string> => {
      const response = await fetch('http://127.0.0.1:9190/readiness');
      return `${response.status} ${await response.text()}`;
    };
    expect(await readiness()).toMatch(/^200 /);
    process.kill(pid, 'SIGSTOP');
    try {
      await expect
        .poll(readiness, { timeout: 10_000 })
        .toMatch(/^503 .*"reason":"no answer from .* <- the node is 10\.9\.0\.1\/24 on eth0 .*"remedy":"/);
      expect((await fetch('http://127.0.0.1:9190/liveness')).status).toBe(200);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await rig.ready();
  });

  test('reports on itself where a CalicoNodeStatus asks for it', async () => {
    await rig.resources.create({
      kind: 'CalicoNodeStatus',
      apiVersion: 'projectcalico.org/v3',
      metadata: { name: 'n1' },
      spec: { node: 'n1', classes: ['Agent', 'BGP', 'Routes'], updatePeriodSeconds: 3600 },
    });
    const report = async (): Promise<CalicoNodeStatus['status']> =>
      (await rig.resources.get('CalicoNodeStatus', 'n1')).status;
    await expect.poll(async () => (await report())?.bgp.numberEstablishedV4, { timeout: 10_000 }).toBe(1);
    const { agent, routes } = (await report())!;
    expect(agent.birdV4).toMatchObject({ state: 'Ready', routerID: '10.9.0.1' });
    expect(routes.routesV4).toContainEqual({
      type: 'FIB',
      destination: '10.65.200.0/26',
      gateway: '10.9.0.2',
      learnedFrom: { sourceType: 'NodeMesh', peerIP: '10.9.0.2' },
    });
    await rig.resources.delete('CalicoNodeStatus', 'n1');
  });

  test('ends on SIGTERM within ten seconds, with no process and no socket left, and the data path as it was', async () => {
    before = kernelState();
    expect(await stop()).toBeLessThan(10_000);
    expect(findOrphans(join(rig.dir, 'run'))).toEqual([]);
    expect(readdirSync(join(rig.dir, 'run')).filter((name) => name.endsWith('.sock'))).toEqual([]);
    expect(kernelState()).toBe(before);
  });

  test('finds everything when it starts again, and writes nothing to the kernel', async () => {
    const store = async (): Promise<string[]> =>
      (await rig.backend.list('/calico/')).items
        .filter(({ key }) => !key.startsWith('/calico/felix/'))
        .map(({ key, revision }) => `${key} ${revision}`);
    const stored = await store();
    const changes = countKernelChanges();
    await startReady();
    await expect.poll(() => metric(9099, 'felix_int_dataplane_apply_time_seconds_count')).toBeGreaterThan(0);
    expect(await metric(9099, 'felix_kernel_writes')).toBe(0);
    // Until the session is up again and its routes are compared with the kernel's.
    const bgp = nativeSource(join(rig.dir, 'run/bgp.sock'));
    await expect.poll(async () => (await bgp.sessions(4))[0]?.state, { timeout: 20_000 }).toBe('Established');
    await expect.poll(() => bgp.isRestarting(4), { timeout: 20_000 }).toBe(false);
    expect(await changes()).toEqual([]);
    expect(await store()).toEqual(stored);
    expect(kernelState()).toBe(before);
    await stop();
  });
});

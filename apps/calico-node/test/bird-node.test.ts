import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CalicoNodeStatus } from '@calico-node/model';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findOrphans } from '../src/supervisor/orphans.ts';
import { finish, NodeRig } from './node-rig.ts';

const calicoctl = join(import.meta.dirname, '../../calicoctl/src/main.ts');

let rig: NodeRig;
let node: ChildProcess;
const log: string[] = [];

beforeAll(async () => {
  rig = await NodeRig.start({
    CALICO_NETWORKING_BACKEND: 'bird',
    CALICO_BIRD_CONFIG_DIR: '@/bird',
    CALICO_DISABLE_FELIX: 'true',
    CALICO_LIBNETWORK_ENABLED: 'true',
    CALICO_LIBNETWORK_SOCKET: '@/calico.sock',
    CALICO_LIBNETWORK_IPAM_SOCKET: '@/calico-ipam.sock',
    // So that the node has a block, which it announces.
    CALICO_IPV4POOL_IPIP: 'Always',
  });
  await rig.startNeighbour();
  node = rig.startNode(log);
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

const learnt = (): string => rig.learntByNeighbour();

const probe = async (...flags: string[]): Promise<string> => {
  const { code, stdout } = await finish(rig.run(...flags));
  return `${String(code)} ${stdout}`;
};

describe('a node with BIRD', () => {
  test('runs two BIRDs in place of our daemon, with the files of confd, and the Docker drivers', async () => {
    const processes = await rig.ready();
    expect(processes.map((one) => one.name)).toEqual([
      'ipam',
      'confd',
      'bird',
      'bird6',
      'cni-server',
      'libnetwork-plugin',
    ]);
    expect((await rig.status()).backend).toBe('bird');
    for (const name of ['run/bird.ctl', 'run/bird6.ctl', 'calico.sock', 'calico-ipam.sock']) {
      expect(existsSync(join(rig.dir, name)), name).toBe(true);
    }
  });

  test('announces its block, and its probes and table tell of the session', { timeout: 60_000 }, async () => {
    await expect.poll(learnt, { timeout: 30_000 }).toMatch(/10\.65\.\d+\.\d+\/26/);
    expect(await probe('-bird-ready', '-bird6-ready')).toBe('0 ');
    expect(await probe('-bird-live', '-bird6-live')).toBe('0 ');
    const { stdout } = await finish(rig.spawn(process.execPath, [calicoctl, 'node', 'status']));
    expect(stdout).toMatch(
      /\| +PEER ADDRESS +\| +PEER TYPE +\| +STATE +\| +SINCE +\| +INFO +\|\n[+-]+\n\| 10\.9\.0\.2 +\| node-to-node mesh \| up +\| \d\d:\d\d:\d\d \| Established \|\n/,
    );
    expect(stdout).toContain('No IPv6 peers found.');
  });

  test('reports on BIRD where a CalicoNodeStatus asks for it, again and again', async () => {
    await rig.resources.create({
      kind: 'CalicoNodeStatus',
      apiVersion: 'projectcalico.org/v3',
      metadata: { name: 'n1' },
      spec: { node: 'n1', classes: ['Agent', 'BGP', 'Routes'], updatePeriodSeconds: 1 },
    });
    const report = async (): Promise<CalicoNodeStatus['status']> =>
      (await rig.resources.get('CalicoNodeStatus', 'n1')).status;
    await expect.poll(async () => (await report())?.bgp.numberEstablishedV4, { timeout: 10_000 }).toBe(1);
    const first = (await report())!;
    expect(first.agent.birdV4).toMatchObject({ state: 'Ready', version: expect.stringMatching(/^BIRD 2\./) as string });
    expect(first.bgp.peersV4).toMatchObject([{ peerIP: '10.9.0.2', type: 'NodeMesh', state: 'Established' }]);
    expect(first.routes.routesV4).toContainEqual({
      type: 'FIB',
      destination: '10.65.200.0/26',
      gateway: '10.9.0.2',
      interface: 'eth0',
      learnedFrom: { sourceType: 'NodeMesh', peerIP: '10.9.0.2' },
    });
    await expect.poll(async () => (await report())?.lastUpdated, { timeout: 10_000 }).not.toBe(first.lastUpdated);
  });

  test('starts a BIRD that was killed again', async () => {
    const { pid } = (await rig.status()).processes.find(({ name }) => name === 'bird')!;
    process.kill(pid, 'SIGKILL');
    await expect.poll(async () => (await rig.status()).processes.find(({ name }) => name === 'bird')?.restarts).toBe(1);
    await rig.ready();
    expect(learnt()).toMatch(/10\.65\.\d+\.\d+\/26/);
  });

  test('ends on SIGTERM so that its neighbour keeps its routes, and leaves no process', async () => {
    await expect.poll(() => probe('-bird-ready'), { timeout: 30_000 }).toBe('0 ');
    const exited = once(node, 'exit');
    node.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    expect(findOrphans(join(rig.dir, 'run'))).toEqual([]);
    expect(readdirSync(join(rig.dir, 'run')).filter((name) => /\.(?:sock|ctl)$/.test(name))).toEqual([]);
    expect(learnt()).toMatch(/10\.65\.\d+\.\d+\/26/);
  });
});

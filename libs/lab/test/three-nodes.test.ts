import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  appliedAtMs,
  applyManifest,
  attach,
  calicoctl,
  detach,
  down,
  type Expectation,
  findNode,
  isUp,
  killProcess,
  labDir,
  type LabState,
  nodeDirs,
  nodeStatus,
  onNode,
  processesOf,
  program,
  run,
  startEtcd,
  startPing,
  startStream,
  stopEtcd,
  up,
  waitForEtcd,
  waitForNode,
  type Workload,
} from '../src/index.ts';
import { everything, expectMatrixOf, nobody, policy, underNobody, underWebOnly, webOnly } from './support/matrix.ts';

const name = `t${process.pid.toString(36)}`.slice(0, 12);
let state: LabState;

function workload(workloadName: string): Workload {
  const found = state.workloads.find((candidate) => candidate.name === workloadName);
  if (found === undefined) throw new Error(`no workload ${workloadName}`);
  return found;
}

/** Waits until the matrix is as expected; fails with the deviations otherwise. */
const expectMatrix = (expectation: Expectation, timeoutMs?: number): Promise<void> =>
  expectMatrixOf(state, expectation, timeoutMs);

/** Waits until a condition holds; fails when it does not within the limit. */
async function eventually(what: string, holds: () => Promise<boolean> | boolean, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what}: not so after ${timeoutMs} ms`);
    await delay(50);
  }
}

/** What a node's kernel holds that the product put there: routes and rules without counters and handles. */
async function kernelState(nodeName: string): Promise<string> {
  const node = findNode(state.plan, nodeName);
  const routes = await onNode(state, node, 'ip', ['-o', 'route', 'show', 'table', 'main']);
  const rules = await onNode(state, node, 'nft', ['-s', 'list', 'ruleset']);
  const lines = routes.stdout.trim().split('\n').sort();
  return `${lines.join('\n')}\n${rules.stdout}`;
}

const establishedSessions = async (nodeName: string): Promise<number> => {
  const status = await onNode(state, findNode(state.plan, nodeName), 'calicoctl', ['node', 'status']);
  return status.stdout.match(/\bEstablished\b/g)?.length ?? 0;
};

/** The supervisor's own process: neither the loop that keeps it running, nor its children. */
function isSupervisorOf(pid: number, node: string): boolean {
  const arguments_ = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  return arguments_.some((word) => word.endsWith('/calico-node.mjs')) && environment.includes(`NODENAME=${node}`);
}

beforeAll(async () => {
  const quiet = (): void => undefined;
  state = await up({ name, nodes: 3 }, quiet);
  const requests = state.plan.nodes.flatMap((node, index) =>
    ['web', 'db'].map((app) => ({ node: node.name, name: `${app}${index + 1}`, labels: { app } })),
  );
  state = await attach(state, requests, quiet);
}, 120_000);

afterAll(async () => {
  await down(name);
  expect(isUp(name)).toBe(false);
  expect(existsSync(labDir(name))).toBe(false);
  expect(processesOf(name)).toEqual([]);
}, 60_000);

describe('three nodes', () => {
  test('every workload reaches every other over routes that BGP spread', async () => {
    await expectMatrix(everything);
    for (const node of state.plan.nodes) {
      const { stdout } = await onNode(state, node, 'ip', ['route', 'show', 'proto', 'bird']);
      for (const other of state.plan.nodes) {
        if (other !== node) expect(stdout).toContain(`via ${other.address} `);
      }
    }
  });

  test('calicoctl node status shows every session Established', async () => {
    for (const node of state.plan.nodes) {
      await eventually(`${node.name} has two sessions`, async () => (await establishedSessions(node.name)) === 2);
    }
  });

  test('a policy decides who may, and stops deciding when it is deleted', async () => {
    const applied = await applyManifest(state, 'gnp', 'db', policy(webOnly));
    expect(applied.message).toContain("Successfully applied 1 'GlobalNetworkPolicy' resource(s)");
    for (const node of state.plan.nodes) await appliedAtMs(state, node, applied.revision);
    await expectMatrix(underWebOnly, 0);
    await calicoctl(state, ['delete', 'gnp', 'db']);
    await expectMatrix(everything);
  });

  test('a malformed resource is refused whole, with path and reason', async () => {
    const bad = `${policy(webOnly)}---\n${policy('{selector: "app ==", types: [Sideways]}')}`;
    const before = await calicoctl(state, ['get', 'gnp', '-o', 'yaml']);
    await expect(calicoctl(state, ['apply', '-f', '-'], bad)).rejects.toThrow(/spec\.selector[^]*spec\.types/);
    expect(await calicoctl(state, ['get', 'gnp', '-o', 'yaml'])).toBe(before);
  });

  test('a stranger that sends rubbish to the BGP port disturbs no session', async () => {
    const [node] = state.plan.nodes;
    const probe = await run({
      lab: name,
      netns: state.plan.fabricNetns,
      command: '/bin/bash',
      args: [
        // With a socket for its input and no SHLVL, bash takes itself for a remote shell and reads the user's files.
        '--norc',
        '-c',
        'exec 3<>"/dev/tcp/$0/179" && head -c 4096 /dev/urandom >&3; timeout 5 cat <&3 | wc -c',
        node!.address,
      ],
    });
    // Nobody that is not configured is talked to.
    expect(probe.stdout.trim()).toBe('0');
    expect(await establishedSessions(node!.name)).toBe(2);
  });
});

describe('faults', () => {
  const processes = ['felix', 'bgp-daemon', 'confd', 'ipam', 'cni-server'] as const;

  test.each(processes)('kill -9 of %s loses nothing and leaves the same state', async (victim) => {
    await expectMatrix(everything);
    const before = await kernelState('node2');
    const ping = startPing(state, workload('web1'), workload('db2'));
    const stream = startStream(state, workload('web2'), workload('db3'));
    await delay(500);
    const node = findNode(state.plan, 'node2');
    const pid = await killProcess(state.plan, node, victim);
    await eventually(`${victim} runs again`, async () => {
      const child = (await nodeStatus(state.plan, node))?.processes.find((candidate) => candidate.name === victim);
      return child !== undefined && child.pid !== pid && child.ready;
    });
    await waitForNode(state.plan, node);
    await delay(1500);
    const pings = await ping.stop();
    const streamed = await stream.stop();
    expect(pings.sent).toBeGreaterThan(100);
    expect(pings.received).toBe(pings.sent);
    expect(streamed).toMatchObject({ echoed: streamed.sent, wrong: 0 });
    expect(streamed.error).toBeUndefined();
    await eventually('the kernel holds the same again', async () => (await kernelState('node2')) === before);
    await expectMatrix(everything);
  });

  test('kill -9 of the supervisor loses nothing, and the next one takes over', async () => {
    const node = findNode(state.plan, 'node3');
    const ping = startPing(state, workload('web1'), workload('db3'));
    const stream = startStream(state, workload('web3'), workload('db1'));
    await delay(500);
    const supervisors = processesOf(name).filter((pid) => isSupervisorOf(pid, node.name));
    expect(supervisors).toHaveLength(1);
    process.kill(supervisors[0]!, 'SIGKILL');
    await delay(1000);
    await waitForNode(state.plan, node);
    await eventually('sessions are back', async () => (await establishedSessions('node3')) === 2);
    const pings = await ping.stop();
    const streamed = await stream.stop();
    expect(pings.received).toBe(pings.sent);
    expect(streamed).toMatchObject({ echoed: streamed.sent, wrong: 0 });
    await expectMatrix(everything);
  });

  test('etcd gone for 30 s: traffic goes on, and a policy is in force after its return', async () => {
    const ping = startPing(state, workload('web1'), workload('web2'));
    const stream = startStream(state, workload('web2'), workload('web3'));
    stopEtcd(name);
    await delay(30_000);
    startEtcd(state.plan);
    await waitForEtcd(state.plan);
    // How soon is for tools/bench/etcd-return.ts to say.
    const applied = await applyManifest(state, 'gnp', 'db', policy(nobody));
    for (const node of state.plan.nodes) await appliedAtMs(state, node, applied.revision);
    await expectMatrix(underNobody, 0);
    const pings = await ping.stop();
    const streamed = await stream.stop();
    expect(pings.received).toBe(pings.sent);
    expect(streamed).toMatchObject({ echoed: streamed.sent, wrong: 0 });
    await calicoctl(state, ['delete', 'gnp', 'db']);
    await expectMatrix(everything);
  }, 90_000);

  test('a workload gets no traffic before its policy is programmed', async () => {
    await applyManifest(state, 'gnp', 'db', policy(nobody));
    const node = findNode(state.plan, 'node1');
    await killProcess(state.plan, node, 'felix', 'SIGSTOP');
    let attached = false;
    const quiet = (): void => undefined;
    const attaching = attach(state, [{ node: 'node1', name: 'db9', labels: { app: 'db' } }], quiet).then((next) => {
      attached = true;
      return next;
    });
    // The interface and the address are there before Felix is asked; nothing may get through to it.
    const interfaceIsThere = async (): Promise<boolean> =>
      (await onNode(state, node, 'ip', ['link', 'show', 'dev', 'calidb9'])).code === 0;
    await eventually('the interface is there', interfaceIsThere);
    const known = new Set(state.workloads.flatMap((other) => other.addresses));
    let fresh: string[] = [];
    await eventually('the endpoint is in the store', async () => {
      const stored = await calicoctl(state, ['get', 'workloadendpoints', '-o', 'json']);
      const addresses = [...stored.matchAll(/"(\d+\.\d+\.\d+\.\d+)\/32"/g)].map((match) => match[1]!);
      fresh = addresses.filter((address) => !known.has(address));
      return fresh.length === 1;
    });
    for (const address of fresh) {
      for (const source of ['web1', 'web2']) {
        const { code } = await run({
          lab: name,
          netns: workload(source).netns,
          command: 'ping',
          args: ['-c', '2', '-i', '0.2', '-W', '1', address],
        });
        expect(code).not.toBe(0);
      }
    }
    expect(attached).toBe(false);
    await killProcess(state.plan, node, 'felix', 'SIGCONT');
    state = await attaching;
    await expectMatrix(underNobody);
    await calicoctl(state, ['delete', 'gnp', 'db']);
    await expectMatrix(everything);
    state = await detach(state, 'db9');
  });
});

describe('a workload that goes', () => {
  test('leaves no route, address, chain or set behind', async () => {
    const node = findNode(state.plan, 'node2');
    await expectMatrix(everything);
    const before = await Promise.all(state.plan.nodes.map((each) => kernelState(each.name)));
    state = await attach(state, [{ node: 'node2', name: 'gone1', labels: { app: 'gone' } }], () => undefined);
    const manifest = policy(
      "{selector: app == 'gone', types: [Ingress], ingress: [{action: Allow, source: {selector: app == 'web'}}]}",
    );
    await applyManifest(state, 'gnp', 'db', manifest);
    const { addresses } = workload('gone1');
    const address = addresses[0]!;
    expect(await calicoctl(state, ['ipam', 'show', `--ip=${address}`])).toContain('is in use');
    await eventually('chains are there', async () => (await kernelState('node2')).includes('caligone1'));
    state = await detach(state, 'gone1');
    await calicoctl(state, ['delete', 'gnp', 'db']);
    expect(await calicoctl(state, ['ipam', 'show', `--ip=${address}`])).toContain('is not assigned');
    await eventually('every kernel is as before', async () => {
      const now = await Promise.all(state.plan.nodes.map((each) => kernelState(each.name)));
      return now.every((text, index) => text === before[index]);
    });
    const link = await onNode(state, node, 'ip', ['link', 'show', 'dev', 'caligone1']);
    expect(link.code).not.toBe(0);
    expect(readdirSync(nodeDirs(name, 'node2').endpointStatusDir).some((file) => file.includes('gone1'))).toBe(false);
  });
});

describe('down', () => {
  test('removes what a killed `lab up` left', async () => {
    const other = `u${process.pid.toString(36)}`.slice(0, 12);
    const child = spawn(program('lab'), ['--name', other, 'up', '--nodes', '1'], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    await eventually('its node has started', () => existsSync(nodeDirs(other, 'node1').logFile));
    child.kill('SIGKILL');
    await ended;
    expect(isUp(other)).toBe(true);
    await down(other);
    expect(isUp(other)).toBe(false);
    expect(existsSync(labDir(other))).toBe(false);
  });
});

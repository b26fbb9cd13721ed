/*
 * The calico-node image: two hosts on a user-defined Docker network, with the flags that `calicoctl node run` gives, and
 * the same reachability and policy as in the lab of namespaces.
 */
import { existsSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { containerProblem, ContainerLab, prepareNodeImage } from '../src/containers/index.ts';
import {
  appliedAtMs,
  applyManifest,
  attach,
  calicoctl,
  findNode,
  isUp,
  nodeDirs,
  onNode,
  startPing,
  startStream,
  waitForNode,
  type Workload,
} from '../src/index.ts';
import { watchKernel } from './support/kernel-watch.ts';
import { everything, expectMatrixOf, nobody, policy, underNobody, underWebOnly, webOnly } from './support/matrix.ts';

const problem = (await containerProblem()) ?? (await prepareNodeImage());
if (problem !== undefined) console.warn(`skipped: the calico-node image on a Docker network: ${problem}`);

const name = `c${process.pid.toString(36)}`.slice(0, 12);

describe.skipIf(problem !== undefined)('two nodes as containers', () => {
  let lab: ContainerLab;
  const workload = (which: string): Workload => lab.state.workloads.find((candidate) => candidate.name === which)!;

  beforeAll(async () => {
    lab = await ContainerLab.start({ name, nodes: 2 });
    const requests = lab.state.plan.nodes.flatMap((node, index) =>
      ['web', 'db'].map((app) => ({ node: node.name, name: `${app}${index + 1}`, labels: { app } })),
    );
    lab.state = await attach(lab.state, requests, () => undefined);
  }, 180_000);

  afterAll(async () => {
    await (lab as ContainerLab | undefined)?.[Symbol.asyncDispose]();
    expect(isUp(name)).toBe(false);
  }, 60_000);

  test('run without privileges, on a read-only file system', async () => {
    for (const node of lab.state.plan.nodes) {
      const shown = await lab.engine.ok('inspect', '--format', '{{json .HostConfig}}', lab.containerOf(node));
      expect(JSON.parse(shown)).toMatchObject({
        Privileged: false,
        ReadonlyRootfs: true,
        CapDrop: ['ALL'],
        CapAdd: ['NET_ADMIN', 'NET_RAW', 'NET_BIND_SERVICE', 'SYS_ADMIN'],
        SecurityOpt: ['no-new-privileges'],
      });
    }
  });

  test('reach each other, and are held apart by policy', async () => {
    await expectMatrixOf(lab.state, everything);
    for (const [spec, expectation] of [
      [webOnly, underWebOnly],
      [nobody, underNobody],
    ] as const) {
      const applied = await applyManifest(lab.state, 'gnp', 'db', policy(spec));
      for (const node of lab.state.plan.nodes) await appliedAtMs(lab.state, node, applied.revision);
      await expectMatrixOf(lab.state, expectation, 0);
    }
    await calicoctl(lab.state, ['delete', 'gnp', 'db']);
    await expectMatrixOf(lab.state, everything);
  });

  test('are healthy by the probes of calico/node and of the image', async () => {
    for (const node of lab.state.plan.nodes) {
      const probe = ['calico-node', '-felix-live', '-felix-ready', '-bird-live', '-bird-ready'];
      expect(await lab.inNode(node, ...probe)).toBe('');
      expect(await lab.inNode(node, 'wget', '-q', '-O', '/dev/null', 'http://127.0.0.1:9190/readiness')).toBe('');
    }
  });

  test('a stop ends within 10 s and leaves the data path and no socket; a start changes nothing in the kernel', async () => {
    const node = findNode(lab.state.plan, 'node1');
    const dirs = nodeDirs(name, node.name);
    const ping = startPing(lab.state, workload('web1'), workload('db2'));
    await using watch = await watchKernel(lab.state, node);
    const began = Date.now();
    await lab.engine.ok('stop', '--time', '10', lab.containerOf(node));
    const tookMs = Date.now() - began;
    const exit = await lab.engine.ok('inspect', '--format', '{{.State.ExitCode}}', lab.containerOf(node));
    // Not 137: Docker did not have to kill it.
    expect(exit).toBe('0');
    expect(tookMs).toBeLessThan(10_000);
    expect(readdirSync(dirs.runDir).filter((file) => file.endsWith('.sock'))).toEqual([]);
    await expectMatrixOf(lab.state, everything, 0);

    await lab.engine.ok('start', lab.containerOf(node));
    await waitForNode(lab.state.plan, node);
    await expectMatrixOf(lab.state, everything, 0);
    expect(await watch.changes()).toEqual([]);
    const { sent, received } = await ping.stop();
    expect(received).toBe(sent);
  });

  test('a rolling restart of every node loses no packet between workloads that stay', async () => {
    const pings = [
      startPing(lab.state, workload('web1'), workload('db2')),
      startPing(lab.state, workload('web2'), workload('db1')),
      startPing(lab.state, workload('web1'), workload('db1')),
    ];
    const stream = startStream(lab.state, workload('web2'), workload('web1'));
    for (const node of lab.state.plan.nodes) {
      await lab.engine.ok('stop', '--time', '10', lab.containerOf(node));
      await lab.startNode(node);
      await waitForNode(lab.state.plan, node);
    }
    for (const ping of pings) {
      const { sent, received } = await ping.stop();
      expect(sent).toBeGreaterThan(100);
      expect(received).toBe(sent);
    }
    const streamed = await stream.stop();
    expect(streamed).toMatchObject({ echoed: streamed.sent, wrong: 0 });
    expect(streamed.error).toBeUndefined();
    await expectMatrixOf(lab.state, everything);
  });

  test('routes come from BGP, and nothing but ours is in the tables', async () => {
    const [first, second] = lab.state.plan.nodes;
    const { stdout } = await onNode(lab.state, first!, 'ip', ['route', 'show', 'proto', 'bird']);
    expect(stdout).toContain(`via ${second!.address} `);
    expect(existsSync(nodeDirs(name, 'node1').nodeSocket)).toBe(true);
  });
});

/*
 * deploy/compose as a user runs it: an etcd and two nodes by Docker Compose, a workload on each by workload.sh. Only the
 * images are named otherwise.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNetns, deleteNetns } from '@calico-node/netlink';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  composeCommand,
  containerProblem,
  type Engine,
  etcdImage,
  nodeImage,
  type Outcome,
  prepareNodeImage,
  run,
  startEngine,
} from '../src/containers/index.ts';

const compose = await composeCommand();
const problem =
  compose === undefined
    ? "there is no Docker Compose (Debian's docker-compose)"
    : ((await containerProblem()) ?? (await prepareNodeImage()));
if (problem !== undefined) console.warn(`skipped: deploy/compose: ${problem}`);

const deploy = join(import.meta.dirname, '../../../deploy/compose');
const unique = `cnt-${process.pid.toString(36)}`;
const workloads = [
  { node: 'node1', name: `${unique}-a` },
  { node: 'node2', name: `${unique}-b` },
] as const;

describe.skipIf(problem !== undefined)('deploy/compose', () => {
  let dir: string;
  let engine: Engine;
  let env: Readonly<Record<string, string>> = {};

  const inProject = async (...args: string[]): Promise<Outcome> => {
    const [program, ...leading] = compose ?? [''];
    return run(program, [...leading, '-f', join(deploy, 'compose.yaml'), ...args], env);
  };
  const must = async (outcome: Promise<Outcome>): Promise<string> => {
    const { code, stdout, stderr } = await outcome;
    if (code !== 0) throw new Error(stderr + stdout);
    return stdout;
  };
  const workload = (action: string, node: string, name: string): Promise<Outcome> =>
    run(join(deploy, 'workload.sh'), [action, node, name], env);
  const addresses: string[] = [];
  const ping = async (from: number, to: number): Promise<boolean> => {
    const args = ['netns', 'exec', workloads[from]!.name, 'ping', '-c', '1', '-W', '1', addresses[to]!];
    return (await run('ip', args)).code === 0;
  };
  const policy = `{kind: GlobalNetworkPolicy, apiVersion: projectcalico.org/v3, metadata: {name: closed},
    spec: {selector: all(), types: [Ingress]}}`;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'cnt-compose-'));
    // Makes /run/netns what it has to be before the engine looks at it.
    createNetns(unique);
    deleteNetns(unique);
    engine = await startEngine(dir, { shared: ['/run/netns'] });
    env = {
      ...engine.environment,
      COMPOSE_PROJECT_NAME: unique,
      CALICO_NODE_IMAGE: await nodeImage(engine),
      ETCD_IMAGE: await etcdImage(engine),
    };
    await must(inProject('up', '-d'));
  }, 120_000);

  afterAll(async () => {
    for (const { node, name } of workloads) await workload('delete', node, name);
    await inProject('down', '-v', '--timeout', '10');
    await (engine as Engine | undefined)?.[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  }, 60_000);

  test('brings both nodes up', async () => {
    for (const { node } of workloads) {
      const ask = ['wget', '-q', '-O', '-', 'http://127.0.0.1:9190/readiness'];
      await expect
        .poll(() => inProject('exec', '-T', node, ...ask), { timeout: 40_000, interval: 250 })
        .toMatchObject({ code: 0 });
    }
    await expect
      .poll(() => inProject('exec', '-T', 'node1', 'calicoctl', 'node', 'status'), { timeout: 20_000 })
      .toMatchObject({ stdout: expect.stringMatching(/172\.30\.0\.12 .*Established/) as string });
  });

  test('attaches workloads that reach each other, and are held apart by policy', async () => {
    for (const { node, name } of workloads) {
      const result = JSON.parse(await must(workload('add', node, name))) as { ips: readonly { address: string }[] };
      addresses.push(result.ips[0]!.address.split('/')[0]!);
    }
    await expect.poll(() => ping(0, 1), { timeout: 10_000 }).toBe(true);
    const apply = ['exec', '-T', 'node1', 'sh', '-c', 'echo "$0" | calicoctl apply -f -', policy];
    await must(inProject(...apply));
    await expect.poll(() => ping(0, 1), { timeout: 10_000 }).toBe(false);
    await must(inProject('exec', '-T', 'node1', 'calicoctl', 'delete', 'gnp', 'closed'));
    await expect.poll(() => ping(1, 0), { timeout: 10_000 }).toBe(true);
  });

  test('keeps the traffic of workloads while a node starts again', async () => {
    await must(inProject('restart', 'node1'));
    expect(await ping(0, 1)).toBe(true);
  });

  test('takes a workload away again', async () => {
    const { node, name } = workloads[0];
    await must(workload('delete', node, name));
    expect((await run('ip', ['netns', 'list'])).stdout).not.toContain(name);
    expect((await inProject('exec', '-T', node, 'calicoctl', 'get', 'wep', '-A')).stdout).not.toContain(name);
  });
});

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { callUnary, connectUnix, nodeV1 } from '@calico-node/rpc';
import { isolateNetwork } from '@calico-node/netlink';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endOrphans, findOrphans } from '../src/supervisor/orphans.ts';
import { finish } from './node-rig.ts';

const main = join(import.meta.dirname, '../src/main.ts');

// The processes serve their health on fixed ports.
isolateNetwork();

let etcd: EtcdProcess;
let dir: string;
const started: ChildProcess[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cnt-node-'));
  etcd = await startEtcd();
});

afterAll(async () => {
  for (const child of started) child.kill('SIGKILL');
  await endOrphans(join(dir, 'run'));
  await etcd.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** calico-node with what needs neither BGP nor Felix, the same supervisor as ever. */
function run(...args: string[]): ChildProcess {
  const child = spawn(process.execPath, [main, ...args], {
    env: {
      PATH: process.env['PATH'],
      NODENAME: 'n1',
      ETCD_ENDPOINTS: etcd.endpoints[0],
      CALICO_RUN_DIR: join(dir, 'run'),
      CALICO_LIB_DIR: join(dir, 'lib'),
      CALICO_NETWORKING_BACKEND: 'none',
      CALICO_DISABLE_FELIX: 'true',
      CALICO_IPV6POOL_CIDR: 'none',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  return child;
}

/** Signals a process and waits for its end, which may have come before. */
async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }
  return child.exitCode;
}

async function status(): Promise<nodeV1.GetStatusResponse> {
  const client = connectUnix(nodeV1.NodeServiceClient, join(dir, 'run/node.sock'));
  try {
    return await callUnary(client.getStatus.bind(client), {}, { timeoutMs: 2000 });
  } finally {
    client.close();
  }
}

async function ready(): Promise<nodeV1.Process[]> {
  await expect.poll(async () => (await status().catch(() => undefined))?.ready, { timeout: 20_000 }).toBe(true);
  return (await status()).processes;
}

const socketsIn = (path: string): string[] => readdirSync(path).filter((name) => name.endsWith('.sock'));

describe('a node', () => {
  let node: ChildProcess;
  let processes: nodeV1.Process[];

  test('comes up with the processes that its back end needs, and one log', async () => {
    node = run();
    const log: string[] = [];
    node.stderr!.setEncoding('utf8').on('data', (text: string) => log.push(text));
    processes = await ready();
    expect(processes.map((one) => one.name)).toEqual(['ipam', 'cni-server']);
    expect(readFileSync(join(dir, 'lib/nodename'), 'utf8')).toBe('n1');
    const lines = log
      .join('')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { component: string });
    expect(new Set(lines.map((line) => line.component))).toEqual(new Set(['calico-node', 'ipam', 'cni-server']));
    expect(readFileSync(`/proc/${processes[1]!.pid}/cmdline`, 'utf8')).toMatch(/^calico-cni-server\0/);
    const health = await fetch('http://127.0.0.1:9190/readiness');
    expect(health.status).toBe(200);
  });

  test('starts what is killed again', async () => {
    process.kill(processes[0]!.pid, 'SIGKILL');
    await expect.poll(async () => (await status()).processes[0]!.restarts).toBe(1);
    const again = await ready();
    expect(again[0]!.lastExit).toBe('signal SIGKILL');
    expect(again[1]!.pid).toBe(processes[1]!.pid);
    processes = again;
  });

  test('tells its status, and refuses a second one beside it', async () => {
    const shown = await finish(run('-show-status'));
    expect(shown).toMatchObject({ code: 0 });
    expect(shown.stdout).toMatch(
      /^n1 \(back end none\)\n\nPROCESS +STATE[^]*ipam +running +\d+ +1 +signal SIGKILL +yes[^]*\nready\n$/,
    );
    const second = await finish(run('--health-address', 'off'));
    expect(second.code).toBe(2);
    expect(second.stderr).toContain('another calico-node runs');
    expect((await status()).processes[0]!.pid).toBe(processes[0]!.pid);
  });

  test('is taken over after its supervisor was killed', async () => {
    await end(node, 'SIGKILL');
    node = run();
    node.stderr!.resume();
    const fresh = await ready();
    const old = new Set(processes.map((one) => one.pid));
    expect(fresh.every((one) => !old.has(one.pid))).toBe(true);
    expect(findOrphans(join(dir, 'run')).toSorted()).toEqual(fresh.map((one) => one.pid).toSorted());
  });

  test('ends on SIGTERM and leaves no process and no socket', async () => {
    expect(await end(node, 'SIGTERM')).toBe(0);
    expect(findOrphans(join(dir, 'run'))).toEqual([]);
    expect(socketsIn(join(dir, 'run'))).toEqual([]);
  });
});

describe('calico-node', () => {
  test('-startup registers the node and ends', async () => {
    expect((await finish(run('-startup'))).code).toBe(0);
  });

  test('-allocate-tunnel-addrs-run-once, -shutdown and -init do their work and end', async () => {
    const codes = ['-allocate-tunnel-addrs-run-once', '-shutdown', '-init'].map(async (flag) => finish(run(flag)));
    expect((await Promise.all(codes)).map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(readFileSync(join(dir, 'lib/shutdownTS'), 'utf8')).toMatch(/^\d{4}-/);
  });

  test('-allocate-tunnel-addrs runs until it is told to end', async () => {
    const service = run('-allocate-tunnel-addrs');
    service.stderr!.setEncoding('utf8');
    const [line] = (await once(service.stderr!, 'data')) as [string];
    expect(line).toContain('"msg":"running"');
    expect(await end(service, 'SIGTERM')).toBe(0);
  });

  test('-v prints the version', async () => {
    expect(await finish(run('-v'))).toMatchObject({ code: 0, stdout: '0.1.0\n' });
  });

  test.each(['-felix-ready', '-felix-live', '-bird-ready', '-bird-live'])(
    '%s fails in words when nothing runs',
    async (probe) => {
      const { code, stdout } = await finish(run(probe));
      expect(code).toBe(1);
      expect(stdout).toMatch(/^calico\/node is not ready: .+\n$/);
    },
  );

  test('refuses flags that it does not know', async () => {
    const { code, stderr } = await finish(run('-bgp-readdy'));
    expect(code).toBe(2);
    expect(stderr).toContain("Try 'calico-node --help'");
  });
});

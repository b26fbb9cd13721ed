/**
 * What starting up costs `calicoctl get nodes` against an etcd on this machine, next to `node -e 0`. Build first
 * (`node tools/build/build.ts`). Runs take turns, so that a busy moment meets all alike. Prints a table, and JSON after
 * it; `--runs N` (default 25), `--etcd BINARY`.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { dist } from '../build/programs.ts';

const { values: flags } = parseArgs({
  options: { runs: { type: 'string', default: '25' }, etcd: { type: 'string', default: 'etcd' } },
});
const runs = Math.max(15, Number(flags.runs));

const node = join(dist, 'lib/node/bin/node');
const calicoctl = join(dist, 'bin/calicoctl');

interface Case {
  readonly name: string;
  readonly command: readonly string[];
}

const cases: readonly Case[] = [
  { name: 'node -e 0', command: [node, '-e', '0'] },
  { name: 'calicoctl get nodes', command: [calicoctl, 'get', 'nodes'] },
  { name: 'calicoctl get nodes -o yaml', command: [calicoctl, 'get', 'nodes', '-o', 'yaml'] },
  { name: 'calicoctl version --client', command: [calicoctl, 'version', '--client'] },
];

interface Measurement {
  readonly name: string;
  readonly minMs: number;
  readonly medianMs: number;
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port); // of a TCP server
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function startEtcd(directory: string): Promise<{ readonly process: ChildProcess; readonly endpoint: string }> {
  const [client = 0, peer = 0] = await freePorts(2);
  const endpoint = `http://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  const process = spawn(
    flags.etcd,
    [
      ...['--data-dir', directory, '--listen-client-urls', endpoint, '--advertise-client-urls', endpoint],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', `default=${peerUrl}`, '--log-level', 'error'],
    ],
    { stdio: 'ignore' },
  );
  for (let attempt = 0; attempt < 100; attempt++) {
    const healthy = await fetch(`${endpoint}/health`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (healthy) return { process, endpoint };
    await delay(100);
  }
  process.kill();
  throw new Error('etcd did not start');
}

/** How long one run takes, in milliseconds. */
function once({ name, command }: Case, env: NodeJS.ProcessEnv): number {
  const [file = '', ...args] = command;
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync(file, args, { env, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  const wallMs = Number(process.hrtime.bigint() - start) / 1e6;
  if (status !== 0) throw new Error(`${name}: ${stderr}`);
  return wallMs;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

function measure(env: NodeJS.ProcessEnv): readonly Measurement[] {
  const taken = cases.map((): number[] => []);
  for (const one of cases) once(one, env); // fills the compile cache
  for (let run = 0; run < runs; run++) {
    for (const [index, one] of cases.entries()) taken[index]?.push(once(one, env));
  }
  return cases.map(({ name }, index) => {
    const times = taken[index] ?? [];
    return { name, minMs: Math.min(...times), medianMs: median(times) };
  });
}

const directory = mkdtempSync(join(tmpdir(), 'calicoctl-bench-'));
const etcd = await startEtcd(directory);
try {
  const env = { ...process.env, DATASTORE_TYPE: 'etcdv3', ETCD_ENDPOINTS: etcd.endpoint };
  const manifest = join(directory, 'node.json');
  const metadata = { name: 'n1' };
  writeFileSync(manifest, JSON.stringify({ apiVersion: 'projectcalico.org/v3', kind: 'Node', metadata, spec: {} }));
  once({ name: 'apply', command: [calicoctl, 'apply', '-f', manifest] }, env);
  const measurements = measure(env);
  const base = measurements[0]?.medianMs ?? NaN;
  process.stdout.write(
    `${'command'.padEnd(30)} ${'min ms'.padStart(8)} ${'median ms'.padStart(10)} ${'x node'.padStart(7)}\n`,
  );
  for (const { name, minMs, medianMs } of measurements) {
    process.stdout.write(
      `${name.padEnd(30)} ${minMs.toFixed(1).padStart(8)} ${medianMs.toFixed(1).padStart(10)} ${(medianMs / base).toFixed(2).padStart(7)}\n`,
    );
  }
  const machine = { cpu: cpus()[0]?.model ?? '', cpus: cpus().length };
  process.stdout.write(`${JSON.stringify({ benchmark: 'calicoctl-startup', runs, machine, measurements })}\n`);
} finally {
  etcd.process.kill();
  await new Promise((resolve) => etcd.process.once('exit', resolve));
  rmSync(directory, { recursive: true, force: true });
}

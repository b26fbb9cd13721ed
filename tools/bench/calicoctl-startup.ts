/**
 * What starting up costs `calicoctl get nodes` against an etcd on this machine, next to `node -e 0`, and whether it holds
 * the goal: at most 1.5 times `node -e 0` and the round trips, which are measured as what a program that is up already
 * needs to connect and ask the same. Build first (`node tools/build/build.ts`). Runs take turns, so that a busy moment
 * meets all alike; the minima tell, since they are what it costs when nothing else is in the way. Prints a table, and
 * JSON after it; `--runs N` (default 40), `--etcd BINARY`.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { dist } from '../build/programs.ts';

const { values: flags } = parseArgs({
  options: { runs: { type: 'string', default: '40' }, etcd: { type: 'string', default: 'etcd' } },
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
function runOnce({ name, command }: Case, env: NodeJS.ProcessEnv): number {
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

/** The requests of `get nodes`: the list, and the cluster's version. */
const requests = [
  { key: '/calico/resources/v3/projectcalico.org/nodes/', end: '/calico/resources/v3/projectcalico.org/nodes0' },
  { key: '/calico/resources/v3/projectcalico.org/clusterinformations/default' },
].map(({ key, end }) => {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const body = JSON.stringify({ key: base64(key), ...(end === undefined ? {} : { range_end: base64(end) }) });
  return `POST /v3/kv/range HTTP/1.1\r\nHost: etcd\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
});

/** How long connecting and both answers take, without any program's start. */
async function roundTrips(endpoint: string): Promise<number> {
  const start = process.hrtime.bigint();
  const { hostname: host, port } = new URL(endpoint);
  const socket = connect({ host, port: Number(port), noDelay: true });
  socket.write(requests.join(''));
  let answers = '';
  while (answers.split('HTTP/1.1 200').length <= requests.length || !answers.endsWith('}')) {
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    answers += bytes.toString();
  }
  const wallMs = Number(process.hrtime.bigint() - start) / 1e6;
  socket.destroy();
  return wallMs;
}

function measurement(name: string, times: readonly number[]): Measurement {
  return { name, minMs: Math.min(...times), medianMs: median(times) };
}

async function measure(env: NodeJS.ProcessEnv, endpoint: string): Promise<readonly Measurement[]> {
  const taken = cases.map((): number[] => []);
  const trips: number[] = [];
  for (const one of cases) runOnce(one, env);
  await roundTrips(endpoint);
  for (let run = 0; run < runs; run++) {
    for (const [index, one] of cases.entries()) taken[index]?.push(runOnce(one, env));
    trips.push(await roundTrips(endpoint));
  }
  return [
    ...cases.map(({ name }, index) => measurement(name, taken[index] ?? [])),
    measurement('connect, two round trips', trips),
  ];
}

const directory = mkdtempSync(join(tmpdir(), 'calicoctl-bench-'));
const etcd = await startEtcd(directory);
try {
  const env = { ...process.env, DATASTORE_TYPE: 'etcdv3', ETCD_ENDPOINTS: etcd.endpoint };
  const manifest = join(directory, 'node.json');
  const metadata = { name: 'n1' };
  writeFileSync(manifest, JSON.stringify({ apiVersion: 'projectcalico.org/v3', kind: 'Node', metadata, spec: {} }));
  runOnce({ name: 'apply', command: [calicoctl, 'apply', '-f', manifest] }, env);
  const measurements = await measure(env, etcd.endpoint);
  const [bare, getNodes] = measurements;
  const trips = measurements.at(-1);
  if (bare === undefined || getNodes === undefined || trips === undefined) throw new Error('nothing was measured');
  process.stdout.write(`${'command'.padEnd(30)}   min ms  median ms  x node\n`);
  for (const { name, minMs, medianMs } of measurements) {
    const ratio = (medianMs / bare.medianMs).toFixed(2);
    process.stdout.write(
      `${name.padEnd(30)} ${minMs.toFixed(1).padStart(8)} ${medianMs.toFixed(1).padStart(10)} ${ratio.padStart(7)}\n`,
    );
  }
  const ratioOf = (of: (measured: Measurement) => number): number => (of(getNodes) - of(trips)) / of(bare);
  const ratio = { ofMinima: ratioOf(({ minMs }) => minMs), ofMedians: ratioOf(({ medianMs }) => medianMs), goal: 1.5 };
  process.stdout.write(
    `(get nodes - round trips) / node -e 0: ${ratio.ofMedians.toFixed(2)} of medians, ${ratio.ofMinima.toFixed(2)} of minima; ` +
      `the goal, ${ratio.goal}, is ${ratio.ofMinima <= ratio.goal ? '' : 'not '}reached\n`,
  );
  const machine = { cpu: cpus()[0]?.model ?? '', cpus: cpus().length };
  process.stdout.write(`${JSON.stringify({ benchmark: 'calicoctl-startup', runs, machine, measurements, ratio })}\n`);
} finally {
  etcd.process.kill();
  await new Promise((resolve) => etcd.process.once('exit', resolve));
  rmSync(directory, { recursive: true, force: true });
}

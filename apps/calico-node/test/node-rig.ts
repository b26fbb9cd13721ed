import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectDatastore, loadDatastoreConfig, Resources, type Backend } from '@calico-node/datastore';
import { startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { callUnary, connectUnix, nodeV1 } from '@calico-node/rpc';
import { isolateNetwork } from '@calico-node/netlink';
import { expect } from 'vitest';
import { endOrphans } from '../src/supervisor/orphans.ts';

const main = join(import.meta.dirname, '../src/main.ts');

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Waits for a program's end, with all that it says. */
export async function finish(child: ChildProcess): Promise<Finished> {
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (text: string) => (output[stream] += text));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...output };
}

export async function killAll(children: readonly ChildProcess[]): Promise<void> {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
}

/** Gives this process a network of its own, for good: the node's, with an interface whose other end is in `peer`. */
export function moveToOwnNetwork(peer: string): void {
  isolateNetwork();
  const ip = (...args: string[]): void => void execFileSync('ip', args);
  ip('netns', 'add', peer);
  ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', peer);
  ip('link', 'set', 'eth0', 'up');
  ip('address', 'add', '10.9.0.1/24', 'dev', 'eth0');
  ip('-n', peer, 'link', 'set', 'lo', 'up');
  ip('-n', peer, 'link', 'set', 'eth0', 'up');
  ip('-n', peer, 'address', 'add', '10.9.0.2/24', 'dev', 'eth0');
}

/** A BIRD of somebody else's, which helps a neighbour that restarts. */
const neighbourConfig = `
router id 10.9.0.2;
protocol device {}
protocol static { ipv4; route 10.65.200.0/26 blackhole; }
protocol bgp n1 {
  local 10.9.0.2 as 64512;
  neighbor 10.9.0.1 as 64512;
  connect delay time 1;
  connect retry time 1;
  graceful restart;
  ipv4 { import all; export all; next hop self; };
}
`;

/** A node in this process's network, with a store. Not more than one in a test file. */
export class NodeRig implements AsyncDisposable {
  /** The namespace of the neighbour, which has 10.9.0.2. */
  readonly peer: string;
  readonly dir = mkdtempSync(join(tmpdir(), 'cnt-node-'));
  readonly etcd: EtcdProcess;
  readonly backend: Backend;
  readonly resources: Resources;
  readonly #extraEnv: Readonly<Record<string, string>>;
  readonly #children: ChildProcess[] = [];

  private constructor(etcd: EtcdProcess, peer: string, extraEnv: Readonly<Record<string, string>>) {
    this.etcd = etcd;
    this.peer = peer;
    this.#extraEnv = extraEnv;
    this.backend = connectDatastore(loadDatastoreConfig({ env: { ETCD_ENDPOINTS: etcd.endpoints[0] } }));
    this.resources = new Resources(this.backend);
  }

  /** `env` adds to the node's environment; `@` in it stands for the rig's directory. */
  static async start(env: Readonly<Record<string, string>>): Promise<NodeRig> {
    const peer = `cnt-${randomBytes(3).toString('hex')}`;
    moveToOwnNetwork(peer);
    return new NodeRig(await startEtcd(), peer, env);
  }

  /** Another node, n2 at 10.9.0.2, which is a BIRD with the route 10.65.200.0/26. */
  async startNeighbour(): Promise<void> {
    await this.resources.create({
      kind: 'Node',
      apiVersion: 'projectcalico.org/v3',
      metadata: { name: 'n2' },
      spec: { bgp: { ipv4Address: '10.9.0.2/24' } },
    });
    const file = join(this.dir, 'neighbour.cfg');
    writeFileSync(file, neighbourConfig);
    const args = ['-f', '-c', file, '-s', join(this.dir, 'neighbour.ctl')];
    this.spawn('nsenter', [`--net=/run/netns/${this.peer}`, 'bird', ...args]);
  }

  /** What the neighbour has from us, as BIRD shows it. */
  learntByNeighbour(): string {
    const command = ['-s', join(this.dir, 'neighbour.ctl'), 'show', 'route', 'protocol', 'n1'];
    return execFileSync('birdc', command, { encoding: 'utf8' });
  }

  get env(): Record<string, string> {
    const extra = Object.entries(this.#extraEnv).map(([name, value]) => [name, value.replace('@', this.dir)] as const);
    return {
      PATH: process.env['PATH'] ?? '',
      NODENAME: 'n1',
      IP: '10.9.0.1/24',
      ETCD_ENDPOINTS: this.etcd.endpoints[0] ?? '',
      CALICO_RUN_DIR: join(this.dir, 'run'),
      CALICO_LIB_DIR: join(this.dir, 'lib'),
      CALICO_IPV4POOL_CIDR: '10.65.0.0/16',
      CALICO_IPV6POOL_CIDR: 'none',
      ...Object.fromEntries(extra),
    };
  }

  /** `calico-node` with these arguments; what nobody reads is thrown away. */
  run(...args: readonly string[]): ChildProcess {
    return this.spawn(process.execPath, [main, ...args]);
  }

  spawn(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const child = spawn(command, args, { env: { ...this.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.push(child);
    return child;
  }

  /** The whole node. Its log is kept for when the test fails. */
  startNode(log: string[] = [], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const child = this.spawn(process.execPath, [main], env);
    child.stdout?.resume();
    child.stderr?.setEncoding('utf8').on('data', (text: string) => log.push(text));
    return child;
  }

  async status(): Promise<nodeV1.GetStatusResponse> {
    const client = connectUnix(nodeV1.NodeServiceClient, join(this.dir, 'run/node.sock'));
    try {
      return await callUnary(client.getStatus.bind(client), nodeV1.GetStatusRequest.create(), { timeoutMs: 2000 });
    } finally {
      client.close();
    }
  }

  async ready(): Promise<nodeV1.Process[]> {
    const look = async (): Promise<unknown> => {
      const status = await this.status().catch(() => undefined);
      return status?.ready === true ? 'ready' : (status?.causes ?? 'no supervisor');
    };
    await expect.poll(look, { timeout: 30_000 }).toBe('ready');
    return (await this.status()).processes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await killAll(this.#children);
    await endOrphans(join(this.dir, 'run'));
    this.backend.close();
    await this.etcd.stop();
    execFileSync('ip', ['netns', 'del', this.peer]);
    rmSync(this.dir, { recursive: true, force: true });
  }
}

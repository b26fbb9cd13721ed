import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectDatastore, loadDatastoreConfig, Resources, type Backend } from '@calico-node/datastore';
import { startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { createNetns, deleteNetns } from '@calico-node/netlink';
import { startFakeFelix, type FakeFelix } from './fake-felix.ts';

const app = join(import.meta.dirname, '../..');
const nodeName = 'test-node';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A node with a real etcd and a stand-in for felix, and the exec'd programs built for it. */
export class TestNode implements AsyncDisposable {
  readonly dir: string;
  readonly etcd: EtcdProcess;
  readonly backend: Backend;
  readonly resources: Resources;
  felix: FakeFelix;
  #server: ChildProcess | undefined;
  #ipam: ChildProcess | undefined;
  readonly #namespaces = new Set<string>();

  private constructor(dir: string, etcd: EtcdProcess, felix: FakeFelix) {
    this.dir = dir;
    this.etcd = etcd;
    this.felix = felix;
    this.backend = connectDatastore(loadDatastoreConfig({ env: this.environment() }));
    this.resources = new Resources(this.backend);
  }

  static async start(): Promise<TestNode> {
    const dir = mkdtempSync(join(tmpdir(), 'cnt-cni-'));
    for (const name of ['run', 'lib', 'bin']) mkdirSync(join(dir, name));
    writeFileSync(join(dir, 'lib/nodename'), nodeName);
    execFileSync(join(app, 'native/build.sh'), [join(dir, 'bin')]);
    const felix = await startFakeFelix(join(dir, 'run/felix.sock'));
    const node = new TestNode(dir, await startEtcd(), felix);
    await node.resources.ensureInitialized({ clusterType: 'test' });
    await node.resources.create({
      kind: 'Node',
      apiVersion: 'projectcalico.org/v3',
      metadata: { name: nodeName },
      spec: { bgp: { ipv4Address: '192.0.2.1/24' } },
    });
    for (const [name, cidr, blockSize] of [
      ['ipv4', '10.77.0.0/24', 26],
      ['ipv6', 'fd77::/112', 122],
    ] as const) {
      await node.resources.create({
        kind: 'IPPool',
        apiVersion: 'projectcalico.org/v3',
        metadata: { name },
        spec: { cidr, blockSize, nodeSelector: 'all()' },
      });
    }
    return node;
  }

  environment(): Record<string, string> {
    return {
      PATH: process.env['PATH'] ?? '',
      DATASTORE_TYPE: 'etcdv3',
      ETCD_ENDPOINTS: this.etcd.endpoints.join(','),
      CALICO_RUN_DIR: join(this.dir, 'run'),
      CALICO_LIB_DIR: join(this.dir, 'lib'),
      CALICO_HEALTH_ADDRESS: 'off',
      CALICO_LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'fatal',
      CALICO_NODE_BINARY: process.execPath,
      CALICO_CNI_FALLBACK: join(app, 'src/main.ts'),
    };
  }

  async startServer(extra: Record<string, string> = {}): Promise<void> {
    this.#server = await this.#start([join(app, 'src/main.ts'), 'server'], 'cni.sock', extra);
  }

  async stopServer(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await stop(server, signal);
  }

  /** The node's IPAM service, without which plug-ins go to the store themselves. */
  async startIpam(): Promise<void> {
    this.#ipam = await this.#start([join(app, '../ipam/src/main.ts'), '--node-name', nodeName], 'ipam.sock');
  }

  async stopIpam(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const ipam = this.#ipam;
    this.#ipam = undefined;
    await stop(ipam, signal);
  }

  /** Whether containernetworking-plugins has it. */
  hasPlugin(name: string): boolean {
    return existsSync(join('/usr/lib/cni', name));
  }

  /** An empty namespace for a workload; its path. */
  workload(): string {
    const name = `cnt-${randomBytes(4).toString('hex')}`;
    createNetns(name);
    this.#namespaces.add(name);
    return `/run/netns/${name}`;
  }

  removeWorkload(path: string): void {
    const name = path.slice('/run/netns/'.length);
    if (this.#namespaces.delete(name)) deleteNetns(name);
  }

  /** Execs a plug-in as a container runtime does. */
  async exec(
    program: 'calico' | 'calico-ipam',
    env: Record<string, string>,
    stdin: string,
    args: readonly string[] = [],
  ): Promise<Outcome> {
    const child = spawn(join(this.dir, 'bin', program), args, { env: { ...this.environment(), ...env } });
    const output = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => (output[stream] += text));
    }
    child.stdin.on('error', () => undefined); // it need not read its input
    child.stdin.end(stdin);
    const [code] = (await once(child, 'close')) as [number];
    return { code, ...output };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopServer('SIGKILL');
    await this.stopIpam('SIGKILL');
    await this.felix.stop();
    this.backend.close();
    await this.etcd.stop();
    for (const name of this.#namespaces) deleteNetns(name);
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Starts a service, and waits for its socket. */
  async #start(args: readonly string[], socket: string, extra: Record<string, string> = {}): Promise<ChildProcess> {
    const service = spawn(process.execPath, args, {
      env: { ...this.environment(), ...extra },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    while (!existsSync(join(this.dir, 'run', socket))) {
      if (service.exitCode !== null) throw new Error(`the service on ${socket} ended`);
      await delay(10);
    }
    return service;
  }
}

async function stop(service: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (service?.exitCode !== null || service.signalCode !== null) return;
  service.kill(signal);
  await once(service, 'exit');
}

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inNetns } from '@calico-node/netlink';
import { callUnary, connectUnix, felixV1 } from '@calico-node/rpc';
import { runIn } from './node-lab.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
/**
 * Node.js reads our types by WebAssembly, whose second compiler ends the process on an emulated processor now and then
 * (a failed check of V8's list of code pages), and costs more than it gives here.
 */
const flags = ['--liftoff-only'];

/** Makes a port of the machine's loopback reachable on a namespace's loopback, under the same number. */
export async function relayInto(netns: string, port: number): Promise<Disposable> {
  const sockets = new Set<Socket>();
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
  };
  const server: Server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    track(client);
    track(upstream);
    client.pipe(upstream).pipe(client);
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => client.destroy());
  });
  // Without a host, listen makes its socket before it returns.
  inNetns(netns, () => {
    server.listen(port);
  });
  await once(server, 'listening');
  return {
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** The real felix in a namespace, with a run directory of its own that outlives its restarts. */
export class FelixProcess implements AsyncDisposable {
  readonly runDir = mkdtempSync(join(tmpdir(), 'calico-felix-'));
  readonly client = connectUnix(felixV1.FelixServiceClient, join(this.runDir, 'felix.sock'));
  readonly #netns: string;
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #output = '';

  constructor(netns: string, env: Readonly<Record<string, string>>) {
    this.#netns = netns;
    this.#env = env;
  }

  /** What it logged, the end of it. */
  get output(): string {
    return this.#output;
  }

  start(): void {
    const env = { PATH: process.env['PATH'], CALICO_RUN_DIR: this.runDir, CALICO_LIB_DIR: this.runDir, ...this.#env };
    const child = inNetns(this.#netns, () =>
      spawn(process.execPath, [...flags, main, '--node-name', 'node1'], { env, stdio: ['ignore', 'ignore', 'pipe'] }),
    );
    child.stderr.on('data', (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-20_000);
    });
    this.#child = child;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  /** Resolves with the exit code once it has ended by itself. */
  async ended(): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) throw new Error('felix was not started');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return child.exitCode;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** What it answers on its health port or another one, which only its own namespace reaches. */
  httpGet(path: string, port = 9099): string {
    const script = 'fetch(process.argv[1]).then((answer) => answer.text()).then((text) => process.stdout.write(text))';
    return runIn(this.#netns, process.execPath, '-e', script, `http://127.0.0.1:${port}${path}`);
  }

  status(): Promise<felixV1.GetStatusResponse> {
    return callUnary(
      this.client.getStatus.bind(this.client),
      {},
      { timeoutMs: 20_000, waitForReady: true, repeatable: true },
    );
  }

  /** Resolves when the endpoint is programmed. */
  waitForEndpoint(workload: string, minRevision = 0n): Promise<felixV1.WaitForEndpointResponse> {
    const id = { orchestratorId: 'k8s', workloadId: `default/${workload}`, endpointId: 'eth0' };
    const options = { timeoutMs: 20_000, waitForReady: true, repeatable: true };
    return callUnary(this.client.waitForEndpoint.bind(this.client), { id, minRevision }, options);
  }

  waitForRevision(revision: bigint): Promise<felixV1.WaitForRevisionResponse> {
    const options = { timeoutMs: 20_000, waitForReady: true, repeatable: true };
    return callUnary(this.client.waitForRevision.bind(this.client), { revision }, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
    this.client.close();
    rmSync(this.runDir, { recursive: true, force: true });
  }
}

import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseIp } from '@calico-node/net';
import {
  addAddress,
  createBridge,
  createNetns,
  createVeth,
  deleteNetns,
  inNetns,
  openNetns,
  RouteSocket,
  setLink,
} from '@calico-node/netlink';

const apps = join(import.meta.dirname, '../../..');

/** A network that nodes are cabled to. */
export class Fabric implements Disposable {
  readonly netns = `cnt-${randomBytes(4).toString('hex')}`;

  constructor() {
    createNetns(this.netns);
    using socket = RouteSocket.open({ netns: this.netns });
    socket.apply([createBridge({ name: 'fabric0' }), setLink({ name: 'fabric0', up: true })]);
  }

  [Symbol.dispose](): void {
    deleteNetns(this.netns);
  }
}

export interface RealNodeOptions {
  readonly name: string;
  /** Of 172.16.0.0/24. */
  readonly address: string;
  readonly fabric: Fabric;
  /** Ports of the machine's loopback that the node reaches on its own: the store's, and Kubernetes'. */
  readonly ports: readonly number[];
  readonly env: Readonly<Record<string, string>>;
}

/** A node in a namespace of its own, on which the real felix and the real CNI server run. */
export class RealNode implements AsyncDisposable {
  readonly netns = `cnt-${randomBytes(4).toString('hex')}`;
  readonly dir = mkdtempSync(join(tmpdir(), 'cnt-node-'));
  /** What its programs find in their environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly #parts = new AsyncDisposableStack();

  private constructor({ name, env }: RealNodeOptions) {
    this.env = {
      PATH: process.env['PATH'] ?? '',
      NODENAME: name,
      CALICO_RUN_DIR: join(this.dir, 'run'),
      CALICO_LIB_DIR: join(this.dir, 'lib'),
      CALICO_HEALTH_ADDRESS: 'off',
      CALICO_LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'fatal',
      ...env,
    };
  }

  static async start(options: RealNodeOptions): Promise<RealNode> {
    const node = new RealNode(options);
    try {
      node.#cable(options);
      for (const port of options.ports) node.#parts.use(await relay(node.netns, port));
      await node.#run('felix', ['--node-name', options.name], 'felix.sock');
      await node.#run('cni-plugin', ['server'], 'cni.sock');
    } catch (error) {
      await node[Symbol.asyncDispose]();
      throw error;
    }
    return node;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }

  #cable({ name, address, fabric }: RealNodeOptions): void {
    for (const each of ['run', 'lib']) mkdirSync(join(this.dir, each));
    writeFileSync(join(this.dir, 'lib/nodename'), name);
    this.#parts.defer(() => {
      rmSync(this.dir, { recursive: true, force: true });
    });
    createNetns(this.netns);
    this.#parts.defer(() => {
      deleteNetns(this.netns);
    });
    using netns = openNetns(this.netns);
    using outside = RouteSocket.open({ netns: fabric.netns });
    const master = outside.getLink('fabric0')!.index;
    outside.apply([
      createVeth({ name, peer: { name: 'eth0', netns } }),
      setLink({ name, master }),
      setLink({ name, up: true }),
    ]);
    using inside = RouteSocket.open({ netns: this.netns });
    inside.apply([setLink({ name: 'lo', up: true }), setLink({ name: 'eth0', up: true })]);
    const interfaceIndex = inside.getLink('eth0')!.index;
    inside.apply([addAddress({ interfaceIndex, ip: parseIp(address), prefixLength: 24 })]);
  }

  /** Runs one of the node's programs until it has its socket. */
  async #run(app: string, args: readonly string[], socket: string): Promise<void> {
    const child = inNetns(this.netns, () =>
      spawn(process.execPath, [join(apps, app, 'src/main.ts'), ...args], {
        env: this.env,
        stdio: ['ignore', 'inherit', 'inherit'],
      }),
    );
    this.#parts.defer(() => end(child));
    while (!existsSync(join(this.dir, 'run', socket))) {
      if (child.exitCode !== null) throw new Error(`${app} ended`);
      await delay(10);
    }
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** Makes a port of this namespace's loopback reachable on another's, under the same number. */
async function relay(netns: string, port: number): Promise<Disposable> {
  return serve(netns, port, (client, sockets) => {
    const upstream = connect(port, '127.0.0.1');
    track(upstream, sockets);
    client.pipe(upstream).pipe(client);
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => client.destroy());
  });
}

/** Answers everybody who connects to a port in a namespace with a text. */
export function answer(netns: string, port: number, text: string): Promise<Disposable> {
  return serve(netns, port, (client) => client.end(text));
}

function track(socket: Socket, sockets: Set<Socket>): void {
  sockets.add(socket);
  socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
}

async function serve(
  netns: string,
  port: number,
  onClient: (client: Socket, sockets: Set<Socket>) => void,
): Promise<Disposable> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    track(client, sockets);
    onClient(client, sockets);
  });
  // Without a host, listen makes its socket before it returns.
  inNetns(netns, () => server.listen(port));
  await once(server, 'listening');
  return {
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

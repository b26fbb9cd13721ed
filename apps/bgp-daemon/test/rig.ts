import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { bgpV1, callUnary, connectUnix } from '@calico-node/rpc';

const main = new URL('../src/main.ts', import.meta.url).pathname;

/** Waits until something holds; fails with what was last seen. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  holds: (seen: T) => boolean,
  ms = 50_000,
): Promise<T> {
  const deadline = Date.now() + ms;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (Date.now() > deadline)
      throw new Error(`${what}: ${JSON.stringify(seen, (_k, v: unknown) => (typeof v === 'bigint' ? String(v) : v))}`);
    await delay(50);
  }
}

/** A host: a network namespace on the rig's common link. */
export class Host {
  readonly name: string;
  readonly address: string;
  readonly directory: string;
  readonly #children = new Set<ChildProcess>();

  constructor(name: string, address: string, directory: string) {
    this.name = name;
    this.address = address;
    this.directory = directory;
    mkdirSync(directory);
  }

  ip(...args: string[]): string {
    return execFileSync('ip', ['-n', this.name, ...args], { encoding: 'utf8' });
  }

  nft(commands: string): void {
    execFileSync('nsenter', [`--net=/run/netns/${this.name}`, 'nft', commands]);
  }

  /** TCP connections that `ss` finds, one a line. */
  ss(...filter: string[]): string[] {
    const args = [`--net=/run/netns/${this.name}`, 'ss', '-Htn', ...filter];
    return execFileSync('nsenter', args, { encoding: 'utf8' }).split('\n');
  }

  /** The main table's routes of a protocol, as `ip` shows them. */
  routes(protocol: string): string[] {
    const lines = this.ip('route', 'show', 'proto', protocol).split('\n');
    return lines
      .map((line) => line.trim().replace(/\s+/g, ' '))
      .filter((line) => line !== '')
      .sort();
  }

  /** A veth pair with both ends here, like a workload's. */
  addLink(name: string): void {
    this.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`);
    this.ip('link', 'set', name, 'up');
    this.ip('link', 'set', `${name}p`, 'up');
  }

  spawn(command: string, args: readonly string[], logName: string, env: Record<string, string> = {}): ChildProcess {
    const log = openSync(join(this.directory, logName), 'a');
    const child = spawn('nsenter', [`--net=/run/netns/${this.name}`, command, ...args], {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...env },
    });
    closeSync(log);
    this.#children.add(child);
    return child;
  }

  log(name: string): string {
    return readFileSync(join(this.directory, name), 'utf8');
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#children].map((child) => end(child, 'SIGKILL')));
  }
}

/** Waits for its output too: the last of it may come after its exit. */
export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('close', resolve));
  child.kill(signal);
  await gone;
}

/** Packets from a host to an address, a hundred in a second. */
export class Traffic {
  readonly #ping: ChildProcess;
  #output = '';

  constructor(from: Host, to: string) {
    this.#ping = spawn('nsenter', [`--net=/run/netns/${from.name}`, 'ping', '-i', '0.01', '-q', to], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#ping.stdout?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
  }

  /** What ping sums up. */
  async stop(): Promise<string> {
    await end(this.#ping, 'SIGINT');
    return this.#output;
  }
}

/** Hosts on one bridge, each in a namespace; the bridge has its own. */
export class Rig {
  readonly #id = randomBytes(3).toString('hex');
  readonly #directory = mkdtempSync(join(tmpdir(), 'cnt-bgp-'));
  readonly #namespaces: string[] = [];
  readonly #hosts: Host[] = [];

  constructor() {
    const hub = this.#namespace('hub');
    execFileSync('ip', ['-n', hub, 'link', 'add', 'br0', 'type', 'bridge']);
    execFileSync('ip', ['-n', hub, 'link', 'set', 'br0', 'up']);
  }

  addHost(): Host {
    const number = this.#hosts.length + 1;
    const name = this.#namespace(String(number));
    const host = new Host(name, `10.9.0.${number}`, join(this.#directory, String(number)));
    this.#hosts.push(host);
    const hub = this.#namespaces[0] ?? '';
    execFileSync('ip', ['-n', hub, 'link', 'add', `h${number}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name]);
    execFileSync('ip', ['-n', hub, 'link', 'set', `h${number}`, 'up', 'master', 'br0']);
    host.ip('link', 'set', 'lo', 'up');
    host.ip('link', 'set', 'eth0', 'up');
    host.ip('address', 'add', `${host.address}/24`, 'dev', 'eth0');
    return host;
  }

  async close(): Promise<void> {
    for (const host of this.#hosts) await host.stop();
    for (const name of this.#namespaces) execFileSync('ip', ['netns', 'del', name]);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #namespace(suffix: string): string {
    const name = `cnt-${this.#id}-${suffix}`;
    execFileSync('ip', ['netns', 'add', name]);
    this.#namespaces.push(name);
    return name;
  }
}

/** A daemon that has just been started may take long to answer on a busy machine. */
const call = { timeoutMs: 40_000, waitForReady: true, repeatable: true } as const;

/** Our daemon on a host. */
export class Daemon {
  readonly host: Host;
  readonly client: bgpV1.BgpServiceClient;
  #process: ChildProcess;

  constructor(host: Host, options: readonly string[] = []) {
    this.host = host;
    this.#process = this.#start(options);
    this.client = connectUnix(bgpV1.BgpServiceClient, join(host.directory, 'bgp.sock'));
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  async apply(config: bgpV1.BgpConfig): Promise<bgpV1.ApplyConfigResponse> {
    return callUnary(this.client.applyConfig.bind(this.client), { config }, call);
  }

  async peers(): Promise<bgpV1.Peer[]> {
    return (await callUnary(this.client.listPeers.bind(this.client), {}, call)).peers;
  }

  async routes(prefix = ''): Promise<bgpV1.Route[]> {
    return (await callUnary(this.client.listRoutes.bind(this.client), { prefix, peer: '' }, call)).routes;
  }

  async status(): Promise<bgpV1.GetStatusResponse> {
    return callUnary(this.client.getStatus.bind(this.client), {}, call);
  }

  async explain(prefix: string): Promise<bgpV1.ExplainRouteResponse> {
    return callUnary(this.client.explainRoute.bind(this.client), { prefix }, call);
  }

  async established(count = 1): Promise<bgpV1.Peer[]> {
    const isUp = ({ state }: bgpV1.Peer): boolean => state === bgpV1.SessionState.ESTABLISHED;
    return until(
      'sessions',
      () => this.peers(),
      (peers) => peers.filter(isUp).length >= count,
    );
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await end(this.#process, signal);
  }

  /** Waits for the process to end by itself. */
  async ended(): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode === null && signalCode === null) await once(this.#process, 'close');
  }

  restart(options: readonly string[] = []): void {
    this.#process = this.#start(options);
  }

  close(): void {
    this.client.close();
  }

  #start(options: readonly string[]): ChildProcess {
    const args = [main, '--health-address', 'off', '--log-level', 'debug', ...options];
    const env = { CALICO_RUN_DIR: this.host.directory, CALICO_LIB_DIR: this.host.directory };
    return this.host.spawn(process.execPath, args, 'daemon.log', env);
  }
}

/** BIRD 2 on a host. */
export class Bird {
  readonly host: Host;
  #process: ChildProcess;

  constructor(host: Host, config: string) {
    this.host = host;
    writeFileSync(join(host.directory, 'bird.conf'), config);
    this.#process = this.#start([]);
  }

  birdc(...command: string[]): string {
    try {
      return execFileSync('birdc', ['-s', join(this.host.directory, 'bird.ctl'), ...command], {
        encoding: 'utf8',
        stdio: 'pipe',
      });
    } catch {
      return ''; // not up yet
    }
  }

  async kill(): Promise<void> {
    await end(this.#process, 'SIGKILL');
  }

  /** Starts again as after a crash, with graceful restart. */
  restart(): void {
    this.#process = this.#start(['-R']);
  }

  #start(options: readonly string[]): ChildProcess {
    const { directory } = this.host;
    return this.host.spawn(
      'bird',
      ['-f', '-c', join(directory, 'bird.conf'), '-s', join(directory, 'bird.ctl'), ...options],
      'bird.log',
    );
  }
}

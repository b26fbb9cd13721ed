import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Waits until something holds; fails with what was last seen. */
export async function until<T>(what: string, look: () => T, holds: (seen: T) => boolean, ms = 40_000): Promise<T> {
  const deadline = Date.now() + ms;
  for (;;) {
    const seen = look();
    if (holds(seen)) return seen;
    if (Date.now() > deadline) throw new Error(`${what}: ${JSON.stringify(seen)}`);
    await delay(50);
  }
}

/** A node: a network namespace, a directory for BIRD's files, and the BIRDs that read them. */
export class BirdNode {
  readonly namespace: string;
  readonly directory: string;
  readonly #birds = new Map<string, ChildProcess>();

  constructor(namespace: string, directory: string) {
    this.namespace = namespace;
    this.directory = directory;
    mkdirSync(directory);
  }

  ip(...args: readonly string[]): string {
    return execFileSync('ip', ['-n', this.namespace, ...args], { encoding: 'utf8' });
  }

  /** The main tables' routes of a protocol, as `ip` shows them, in order. */
  routes(protocol: string): string[] {
    const text = this.ip('-4', 'route', 'show', 'proto', protocol) + this.ip('-6', 'route', 'show', 'proto', protocol);
    return text
      .split('\n')
      .map((line) => line.trim().replace(/\s+/g, ' '))
      .filter((line) => line !== '')
      .sort();
  }

  /** The ends of BGP's connections that are up. A session that began anew has another port on one side. */
  connections(port = 179): string {
    const filter = ['state', 'established', `sport = :${port} or dport = :${port}`];
    const text = execFileSync('ip', ['netns', 'exec', this.namespace, 'ss', '-Htn', ...filter], { encoding: 'utf8' });
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.trim().split(/\s+/).slice(-2).join(' '))
      .sort()
      .join(', ');
  }

  /** A veth pair with both ends here, the one like a workload's. */
  addLink(name: string): void {
    this.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`);
    this.ip('link', 'set', name, 'up');
    this.ip('link', 'set', `${name}p`, 'up');
  }

  /** Starts `bird` or `bird6` as Calico does, in here. */
  start(name: string): void {
    const log = openSync(join(this.directory, `${name}.log`), 'a');
    const file = (suffix: string): string => join(this.directory, `${name}.${suffix}`);
    const args = ['-d', '-R', '-c', file('cfg'), '-s', file('ctl'), '-P', file('pid')];
    const child = spawn('nsenter', [`--net=/run/netns/${this.namespace}`, 'bird', ...args], {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#birds.set(name, child);
  }

  /** What `birdc` says; empty while the BIRD is not up. */
  birdc(name: string, ...command: readonly string[]): string {
    try {
      const socket = join(this.directory, `${name}.ctl`);
      return execFileSync('birdc', ['-s', socket, ...command], { encoding: 'utf8', stdio: 'pipe' });
    } catch {
      return '';
    }
  }

  has(file: string): boolean {
    return existsSync(join(this.directory, file));
  }

  log(name: string): string {
    return readFileSync(join(this.directory, `${name}.log`), 'utf8');
  }

  async stop(): Promise<void> {
    for (const child of this.#birds.values()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
  }
}

/** Nodes on one bridge, at 10.9.0.N/24 and fd09::N/64; the bridge has a namespace of its own. */
export class BirdRig {
  readonly #id = randomBytes(3).toString('hex');
  readonly #directory = mkdtempSync(join(tmpdir(), 'cnt-bird-'));
  readonly #namespaces: string[] = [];
  readonly #nodes: BirdNode[] = [];

  constructor() {
    const hub = this.#addNamespace('hub');
    execFileSync('ip', ['-n', hub, 'link', 'add', 'br0', 'type', 'bridge']);
    execFileSync('ip', ['-n', hub, 'link', 'set', 'br0', 'up']);
  }

  addNode(): BirdNode {
    const number = this.#nodes.length + 1;
    const node = new BirdNode(this.#addNamespace(String(number)), join(this.#directory, String(number)));
    this.#nodes.push(node);
    const hub = this.#namespaces[0] ?? '';
    const peer = ['peer', 'name', 'eth0', 'netns', node.namespace];
    execFileSync('ip', ['-n', hub, 'link', 'add', `h${number}`, 'type', 'veth', ...peer]);
    execFileSync('ip', ['-n', hub, 'link', 'set', `h${number}`, 'up', 'master', 'br0']);
    node.ip('link', 'set', 'lo', 'up');
    node.ip('link', 'set', 'eth0', 'up');
    node.ip('address', 'add', `10.9.0.${number}/24`, 'dev', 'eth0');
    node.ip('address', 'add', `fd09::${number}/64`, 'dev', 'eth0', 'nodad');
    return node;
  }

  async close(): Promise<void> {
    for (const node of this.#nodes) await node.stop();
    for (const namespace of this.#namespaces) execFileSync('ip', ['netns', 'del', namespace]);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #addNamespace(suffix: string): string {
    const name = `cnt-${this.#id}-${suffix}`;
    execFileSync('ip', ['netns', 'add', name]);
    this.#namespaces.push(name);
    return name;
  }
}

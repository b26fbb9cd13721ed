import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { importBox } from './box-image.ts';
import { Child, eventually, run, type Outcome } from './child.ts';
import { onPath } from './on-path.ts';

const cgroups = '/sys/fs/cgroup';

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Why no Docker engine can run here; undefined when one can. */
export function engineProblem(): string | undefined {
  if (process.getuid?.() !== 0) return 'a Docker engine needs root';
  for (const [program, debian] of [
    ['dockerd', 'docker.io'],
    ['docker', 'docker.io'],
    ['containerd', 'containerd'],
    ['busybox', 'busybox-static'],
  ] as const) {
    if (onPath(program) === undefined) return `there is no ${program} (Debian's ${debian})`;
  }
  // Debian's plain busybox names a loader that the image has not.
  if (readFileSync(onPath('busybox') ?? '').includes('/ld-')) return "busybox is not static (Debian's busybox-static)";
  if (!existsSync('/etc/docker')) return "there is no /etc/docker (Debian's docker.io)";
  if (!isWritable(cgroups)) return `${cgroups} is not writable`;
  try {
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'ignore' });
  } catch {
    return 'mount namespaces are not available (CAP_SYS_ADMIN is needed)';
  }
  return undefined;
}

/** The only child of a process. */
function childOf(pid: number): number {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
  if (child === undefined || child === '') throw new Error(`process ${pid} has no child`);
  return Number(child);
}

/** Removes a control group that Docker has made, from every hierarchy. */
function removeControlGroup(name: string): void {
  const remove = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) remove(join(path, entry.name));
    }
    rmdirSync(path);
  };
  const hierarchies = readdirSync(cgroups, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const path of [join(cgroups, name), ...hierarchies.map((entry) => join(cgroups, entry.name, name))]) {
    if (existsSync(path)) remove(path);
  }
}

/** Docker, as the tests use it. */
export interface Engine extends AsyncDisposable {
  /** What a client of this engine has in its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Runs the client. */
  docker(...args: string[]): Promise<Outcome>;
  /** The output of a command that must succeed. @throws Error with Docker's words */
  ok(...args: string[]): Promise<string>;
  /** Where the caller finds the network namespace of a container that runs. */
  netnsPath(container: string): Promise<string>;
}

export interface EngineOptions {
  /** Becomes /run/docker/plugins. */
  readonly plugins?: string;
  /** Directories below /run that containers may mount; what is mounted in them later is seen too. */
  readonly shared?: readonly string[];
}

/**
 * A Docker engine of the test's own: in the test's network namespace, in a mount namespace with a /run and an
 * /etc/docker of its own, so that nothing of the machine's is touched, and in a PID namespace, so that nothing is left.
 */
export class DockerEngine implements Engine {
  readonly #dir: string;
  readonly #cgroup = `cnt-${randomBytes(4).toString('hex')}`;
  readonly #namespaces: Child;
  #daemon: Child | undefined;

  private constructor(dir: string, namespaces: Child) {
    this.#dir = dir;
    this.#namespaces = namespaces;
  }

  static async start(dir: string, options: EngineOptions = {}): Promise<DockerEngine> {
    for (const name of ['docker', 'docker-client', 'etc-docker', 'run'])
      mkdirSync(join(dir, name), { recursive: true });
    const shared = [
      ...(options.shared ?? []).map((path) => [path, path] as const),
      ...(options.plugins === undefined ? [] : [[options.plugins, '/run/docker/plugins'] as const]),
    ];
    // What is below /run is kept aside while a file system of our own is mounted over it.
    const script = [
      ...shared.map(([from], index) => `mkdir -p "$1/run/${index}" && mount --rbind "${from}" "$1/run/${index}"`),
      'mount -t tmpfs tmpfs /run && mount --make-shared /run',
      ...shared.map(([, to], index) => `mkdir -p "${to}" && mount --rbind "$1/run/${index}" "${to}"`),
      'mount --bind "$1/etc-docker" /etc/docker',
      'touch "$1/mounted"',
      // The first process of the namespace has to reap what others leave, as an init does: `sh` does while it waits.
      'while sleep 1; do :; done',
    ].join(' && ');
    const ready = join(dir, 'mounted');
    const args = [
      ...['--mount', '--propagation', 'slave', '--pid', '--fork', '--kill-child', '--mount-proc'],
      ...['sh', '-c', script, 'sh'],
    ];
    const engine = new DockerEngine(dir, new Child('unshare', [...args, dir], {}));
    try {
      await eventually(() => {
        if (!existsSync(ready)) throw new Error(`no mount namespace: ${engine.#namespaces.output}`);
      });
      await engine.startDaemon();
      await importBox(engine);
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
    return engine;
  }

  /** The end of what the daemon logged. */
  get log(): string {
    return this.#daemon?.output ?? '';
  }

  get socket(): string {
    return join(this.#dir, 'docker/docker.sock');
  }

  async startDaemon(): Promise<void> {
    const at = (name: string): string => join(this.#dir, 'docker', name);
    const daemon = new Child(
      'nsenter',
      [
        ...[
          '--target',
          String(childOf(this.#namespaces.pid)),
          '--mount',
          '--pid',
          '--',
          onPath('dockerd') ?? 'dockerd',
        ],
        ...['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('dockerd.pid')],
        ...['--host', `unix://${this.socket}`],
        ...['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false'],
        ...['--userland-proxy=false', `--cgroup-parent=/${this.#cgroup}`],
      ],
      {},
    );
    this.#daemon = daemon;
    await eventually(async () => {
      if (daemon.hasEnded) throw new Error(`dockerd ended: ${daemon.output}`);
      const { code, stderr } = await this.docker('version');
      if (code !== 0) throw new Error(stderr);
    });
  }

  /** Ends the daemon as a crash would: its containers live on. */
  async killDaemon(): Promise<void> {
    await this.#endDaemon('SIGKILL');
  }

  docker(...args: string[]): Promise<Outcome> {
    return run(onPath('docker') ?? 'docker', args, this.environment);
  }

  async ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.docker(...args);
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}${this.#daemon?.output.slice(-2000) ?? ''}`);
    return stdout.trim();
  }

  get environment(): Readonly<Record<string, string>> {
    return { DOCKER_HOST: `unix://${this.socket}`, DOCKER_CONFIG: join(this.#dir, 'docker-client') };
  }

  async netnsPath(container: string): Promise<string> {
    const pid = await this.ok('inspect', '--format', '{{.State.Pid}}', container);
    return `/proc/${childOf(this.#namespaces.pid)}/root/proc/${pid}/ns/net`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const containers = (await this.docker('ps', '-aq')).stdout.split('\n').filter((id) => id !== '');
    if (containers.length > 0) await this.docker('rm', '-f', ...containers);
    await this.#endDaemon('SIGTERM');
    await this.#namespaces.end('SIGKILL');
    await eventually(() => {
      removeControlGroup(this.#cgroup);
    });
  }

  /** `nsenter` waits for the daemon, which is its child, and ends with it. */
  async #endDaemon(signal: NodeJS.Signals): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined || daemon.hasEnded) return;
    process.kill(childOf(daemon.pid), signal);
    await daemon.ended(15_000);
  }
}

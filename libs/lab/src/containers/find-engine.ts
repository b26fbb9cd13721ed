import { isolateNetwork } from '@calico-node/netlink';
import { run, type Outcome } from './child.ts';
import { DockerEngine, type Engine, engineProblem, type EngineOptions } from './docker-engine.ts';
import { onPath } from './on-path.ts';
import { importBox } from './box-image.ts';

/** An engine that the machine has. */
class HostEngine implements Engine {
  readonly environment: Readonly<Record<string, string>>;

  constructor() {
    const inherited = Object.entries(process.env).filter(([name]) => name.startsWith('DOCKER_') || name === 'HOME');
    this.environment = Object.fromEntries(inherited.map(([name, value = '']) => [name, value]));
  }

  docker(...args: string[]): Promise<Outcome> {
    return run(onPath('docker') ?? 'docker', args, this.environment);
  }

  async ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.docker(...args);
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  }

  async netnsPath(container: string): Promise<string> {
    return `/proc/${await this.ok('inspect', '--format', '{{.State.Pid}}', container)}/ns/net`;
  }

  /** It was there before us, and stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
  }
}

async function hostEngine(): Promise<HostEngine | undefined> {
  if (onPath('docker') === undefined) return undefined;
  const engine = new HostEngine();
  return (await engine.docker('version')).code === 0 ? engine : undefined;
}

/** Why no container can run here; undefined when one can. */
export async function containerProblem(): Promise<string | undefined> {
  return (await hostEngine()) === undefined ? engineProblem() : undefined;
}

/**
 * The engine that answers by the environment (DOCKER_HOST), or else one of the test's own, below `dir`: then this
 * process goes into a network namespace of its own for good, where the engine's networks are too.
 */
export async function startEngine(dir: string, options: EngineOptions = {}): Promise<Engine> {
  const host = await hostEngine();
  if (host !== undefined) {
    await importBox(host);
    return host;
  }
  isolateNetwork();
  return DockerEngine.start(dir, options);
}

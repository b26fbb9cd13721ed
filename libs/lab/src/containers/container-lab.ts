/*
 * A lab whose nodes are containers. Each host is a small container on a user-defined Docker network, which keeps the
 * network namespace; calico-node runs in a container of its own that shares that namespace, as it does with
 * `--net=host` on a real host, so that it can be stopped and replaced while the host stays. Workloads are network
 * namespaces as in every lab: all of its matrices, traffic and commands work.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNetns, deleteNetns } from '@calico-node/netlink';
import { down } from '../lab.ts';
import { nodeEnvironment, nodeSettings, prepareNode, waitForNode } from '../node.ts';
import { run } from '../processes.ts';
import { program } from '../programs.ts';
import { labDir, type LabState, nodeDirs, writeState } from '../state.ts';
import { type LabPlan, type NodePlan, planLab } from '../topology.ts';
import type { Engine } from './docker-engine.ts';
import { type EtcdContainer, startEtcdContainer } from './etcd-container.ts';
import { startEngine } from './find-engine.ts';
import { nodeImage } from './node-image.ts';

export interface ContainerLabOptions {
  readonly name: string;
  readonly nodes: number;
  /** The hosts' network: the engine's own address in it, and its size. */
  readonly fabric?: string;
}

/** Gives the network namespace at `path` a name under /run/netns. */
async function nameNetns(lab: string, path: string, name: string): Promise<void> {
  // Made, so that the directory is a shared mount, and then put another in its place.
  createNetns(name);
  deleteNetns(name);
  const script = 'touch "/run/netns/$1" && mount --bind "$0" "/run/netns/$1"';
  const { code, stderr } = await run({ lab, command: 'sh', args: ['-c', script, path, name] });
  if (code !== 0) throw new Error(`could not name ${path}: ${stderr}`);
}

/** The words of the command that `calicoctl node run` would run. */
async function runCommand(plan: LabPlan, node: NodePlan, image: string): Promise<readonly string[]> {
  const { code, stdout, stderr } = await run({
    lab: plan.name,
    command: program('calicoctl'),
    args: ['node', 'run', '--dryrun', '--init-system', `--name=${node.name}`, `--node-image=${image}`],
    env: nodeEnvironment(plan, node),
  });
  const command = /^docker run .*$/m.exec(stdout)?.[0];
  if (code !== 0 || command === undefined) throw new Error(`calicoctl node run: ${stderr || stdout}`);
  return command.split(' ').slice(1);
}

export class ContainerLab implements AsyncDisposable {
  readonly engine: Engine;
  #image = '';
  readonly #dir: string;
  readonly #network: string;
  /** Changes as workloads come and go: the caller keeps it. */
  state: LabState;
  #etcd: EtcdContainer | undefined;

  private constructor(engine: Engine, plan: LabPlan, dir: string) {
    this.engine = engine;
    this.state = { plan, workloads: [] };
    this.#dir = dir;
    this.#network = `cnt-${plan.name}`;
  }

  /** Hosts with calico-node on each, ready; after `prepareNodeImage`. */
  static async start(options: ContainerLabOptions): Promise<ContainerLab> {
    const plan = planLab(options);
    const dir = mkdtempSync(join(tmpdir(), 'cnt-containers-'));
    await down(plan.name);
    writeState({ plan, workloads: [] });
    // Makes /run/netns what it has to be before an engine looks at it.
    createNetns(plan.fabricNetns);
    deleteNetns(plan.fabricNetns);
    const shared = ['/run/netns', labDir(plan.name)];
    const engine = await startEngine(dir, { shared }).catch(async (error: unknown) => {
      await down(plan.name);
      rmSync(dir, { recursive: true, force: true });
      throw error;
    });
    const lab = new ContainerLab(engine, plan, dir);
    try {
      lab.#image = await nodeImage(engine);
      await lab.#startHosts();
      for (const node of plan.nodes) await lab.startNode(node);
      await Promise.all(plan.nodes.map((node) => waitForNode(lab.state.plan, node)));
    } catch (error) {
      const logs = await Promise.all(
        plan.nodes.map((node) => engine.docker('logs', '--tail', '20', lab.containerOf(node))),
      );
      await lab[Symbol.asyncDispose]();
      throw new Error(`the containers did not start: ${logs.map(({ stderr }) => stderr).join('\n')}`, { cause: error });
    }
    return lab;
  }

  async #startHosts(): Promise<void> {
    const { engine } = this;
    const { name, nodes, fabricAddress, prefixLength, fabricNetns } = this.state.plan;
    const subnet = `${fabricAddress}/${prefixLength}`;
    await engine.ok('network', 'create', '--subnet', subnet, '--gateway', fabricAddress, this.#network);
    this.#etcd = await startEtcdContainer(engine, this.#network);
    this.state = { ...this.state, plan: { ...this.state.plan, etcdEndpoint: this.#etcd.endpoint } };
    await nameNetns(name, '/proc/thread-self/ns/net', fabricNetns);
    for (const node of nodes) {
      const where = ['--network', this.#network, '--ip', node.address];
      await engine.ok('run', '-d', '--init', '--name', this.#hostOf(node), ...where, 'box', 'sleep', '86400');
      await nameNetns(name, await engine.netnsPath(this.#hostOf(node)), node.netns);
      prepareNode(this.state.plan, node, '/var/lib/calico/nodename');
    }
  }

  #hostOf(node: NodePlan): string {
    return `${this.#network}-${node.name}`;
  }

  /** What identifies the node's container. */
  containerOf(node: NodePlan): string {
    return `${this.#hostOf(node)}-calico`;
  }

  /**
   * Starts calico-node as `calicoctl node run` would, but in the network namespace and with the directories of the
   * lab's node, and without the restarts of an init system.
   */
  async startNode(node: NodePlan, extra: readonly string[] = []): Promise<void> {
    const { plan } = this.state;
    const dirs = nodeDirs(plan.name, node.name);
    const lockFile = join(dirs.runDir, 'xtables.lock');
    writeFileSync(lockFile, '');
    const replaced: Readonly<Record<string, readonly string[]>> = {
      '--net=host': [`--net=container:${this.#hostOf(node)}`],
      '--name=calico-node': ['-d', `--name=${this.containerOf(node)}`],
      '--rm': [],
      '/var/log/calico:/var/log/calico': [`${dirs.libDir}:/var/log/calico`],
      '/var/run/calico:/var/run/calico': [`${dirs.runDir}:/var/run/calico`],
      '/var/lib/calico:/var/lib/calico': [`${dirs.libDir}:/var/lib/calico`],
      '/run/xtables.lock:/run/xtables.lock': [`${lockFile}:/run/xtables.lock`],
    };
    const words = await runCommand(plan, node, this.#image);
    const command = words.flatMap((word) => replaced[word] ?? [word]);
    const settings = Object.entries(nodeSettings(plan)).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    await this.engine.docker('rm', '-f', this.containerOf(node));
    await this.engine.ok(...command.slice(0, -1), ...settings, ...extra, this.#image);
  }

  /** Runs a command in the node's container. */
  inNode(node: NodePlan, ...command: string[]): Promise<string> {
    return this.engine.ok('exec', this.containerOf(node), ...command);
  }

  /** What the node has logged since its container was made. */
  async logOf(node: NodePlan): Promise<string> {
    const { stdout, stderr } = await this.engine.docker('logs', this.containerOf(node));
    return stdout + stderr;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { plan } = this.state;
    for (const node of plan.nodes) await this.engine.docker('rm', '-f', this.containerOf(node), this.#hostOf(node));
    await this.#etcd?.[Symbol.asyncDispose]();
    await this.engine.docker('network', 'rm', this.#network);
    await down(plan.name);
    await this.engine[Symbol.asyncDispose]();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectDatastore, loadDatastoreConfig, Resources, type Backend } from '@calico-node/datastore';
import { startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { allocationsOf } from '@calico-node/ipam';
import { blockPrefix, decodeBlock, parseBlockKey, type Profile, type WorkloadEndpoint } from '@calico-node/model';
import { Child, DockerEngine, eventually } from '@calico-node/lab/containers';
import { RouteSocket } from '@calico-node/netlink';

const apps = join(import.meta.dirname, '../../..');
export const nodeName = 'docker-node';

/** A node with a real etcd, a real Docker engine and the plug-in, all in the test's network namespace. */
export class DockerNode implements AsyncDisposable {
  readonly dir: string;
  readonly etcd: EtcdProcess;
  readonly backend: Backend;
  readonly resources: Resources;
  #engine: DockerEngine | undefined;
  #plugin: Child | undefined;
  #felix: Child | undefined;
  #ipam: Child | undefined;

  private constructor(dir: string, etcd: EtcdProcess) {
    this.dir = dir;
    this.etcd = etcd;
    this.backend = connectDatastore(loadDatastoreConfig({ env: this.environment() }));
    this.resources = new Resources(this.backend);
  }

  static async start(): Promise<DockerNode> {
    const dir = mkdtempSync(join(tmpdir(), 'cnt-docker-'));
    for (const name of ['run', 'lib', 'plugins']) mkdirSync(join(dir, name));
    writeFileSync(join(dir, 'lib/nodename'), nodeName);
    const node = new DockerNode(dir, await startEtcd());
    try {
      await node.#fillStore();
      await node.startPlugin();
      node.#engine = await DockerEngine.start(dir, { plugins: join(dir, 'plugins') });
    } catch (error) {
      await node[Symbol.asyncDispose]();
      throw error;
    }
    return node;
  }

  get engine(): DockerEngine {
    if (this.#engine === undefined) throw new Error('the engine does not run');
    return this.#engine;
  }

  environment(): Record<string, string> {
    return {
      DATASTORE_TYPE: 'etcdv3',
      ETCD_ENDPOINTS: this.etcd.endpoints.join(','),
      CALICO_RUN_DIR: join(this.dir, 'run'),
      CALICO_LIB_DIR: join(this.dir, 'lib'),
      CALICO_HEALTH_ADDRESS: 'off',
    };
  }

  async #fillStore(): Promise<void> {
    const apiVersion = 'projectcalico.org/v3';
    await this.resources.ensureInitialized({ clusterType: 'test' });
    const bgp = { ipv4Address: '192.0.2.1/24' };
    await this.resources.create({ kind: 'Node', apiVersion, metadata: { name: nodeName }, spec: { bgp } });
    for (const [name, cidr, blockSize] of [
      ['red', '10.81.0.0/24', 26],
      ['blue', '10.82.0.0/24', 26],
      ['six', 'fd81::/112', 122],
    ] as const) {
      const spec = { cidr, blockSize, nodeSelector: 'all()' };
      await this.resources.create({ kind: 'IPPool', apiVersion, metadata: { name }, spec });
    }
  }

  async startPlugin(): Promise<void> {
    const plugin = new Child(process.execPath, [join(apps, 'libnetwork-plugin/src/main.ts')], {
      ...this.environment(),
      CALICO_LIBNETWORK_SOCKET: join(this.dir, 'plugins/calico.sock'),
      CALICO_LIBNETWORK_IPAM_SOCKET: join(this.dir, 'plugins/calico-ipam.sock'),
      CALICO_LIBNETWORK_LABEL_ENDPOINTS: 'true',
      CALICO_LIBNETWORK_FORGOTTEN_AFTER: '3s',
      DOCKER_HOST: `unix://${join(this.dir, 'docker/docker.sock')}`,
    });
    this.#plugin = plugin;
    await eventually(() => {
      if (!plugin.output.includes('serving Docker')) throw new Error(`the plug-in does not serve: ${plugin.output}`);
    });
  }

  async killPlugin(): Promise<void> {
    await this.#plugin?.end('SIGKILL');
  }

  get pluginOutput(): string {
    return this.#plugin?.output ?? '';
  }

  /** Starts the node's IPAM service; while it runs, addresses come from it. */
  async startIpam(): Promise<void> {
    const ipam = new Child(process.execPath, [join(apps, 'ipam/src/main.ts')], this.environment());
    this.#ipam = ipam;
    await eventually(() => {
      if (!existsSync(join(this.dir, 'run/ipam.sock')))
        throw new Error(`the IPAM service does not serve: ${ipam.output}`);
    });
  }

  async stopIpam(): Promise<void> {
    await this.#ipam?.end('SIGTERM');
  }

  startFelix(): void {
    this.#felix = new Child(process.execPath, [join(apps, 'felix/src/main.ts')], {
      ...this.environment(),
      NODENAME: nodeName,
      FELIX_DEFAULTENDPOINTTOHOSTACTION: 'Accept',
    });
  }

  get felixOutput(): string {
    return this.#felix?.output ?? '';
  }

  /** The endpoints of Docker's containers. */
  async endpoints(): Promise<readonly WorkloadEndpoint[]> {
    return (await this.resources.list('WorkloadEndpoint', 'libnetwork')).items;
  }

  async endpointOf(container: string): Promise<WorkloadEndpoint> {
    const id = await this.engine.ok(
      'inspect',
      '-f',
      '{{range .NetworkSettings.Networks}}{{.EndpointID}}{{end}}',
      container,
    );
    const found = (await this.endpoints()).find(({ spec }) => spec.endpoint === id);
    if (found === undefined) throw new Error(`no endpoint ${id} in the store`);
    return found;
  }

  profile(name: string): Promise<Profile> {
    return this.resources.get('Profile', name);
  }

  /** What IPAM notes with the addresses that it holds. */
  async notes(): Promise<readonly unknown[]> {
    const { items } = await this.backend.list(blockPrefix(4));
    return items.flatMap(({ value }) => decodeBlock(value).attributes ?? []);
  }

  /** All addresses that IPAM holds. */
  async allocated(): Promise<readonly string[]> {
    const lists = await Promise.all(([4, 6] as const).map((family) => this.backend.list(blockPrefix(family))));
    return lists
      .flatMap(({ items }) => items)
      .filter(({ key }) => parseBlockKey(key) !== undefined)
      .flatMap(({ value }) => allocationsOf(decodeBlock(value)).map(({ ip }) => String(ip)))
      .sort();
  }

  /** The interfaces of containers on the host, moved or not. */
  hostInterfaces(): readonly string[] {
    using socket = RouteSocket.open();
    return socket
      .listLinks()
      .map(({ name }) => name)
      .filter((name) => name.startsWith('cali') || name.startsWith('temp'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine?.[Symbol.asyncDispose]();
    await this.#plugin?.end('SIGTERM');
    await this.#felix?.end('SIGTERM');
    await this.#ipam?.end('SIGTERM');
    this.backend.close();
    await this.etcd.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

import { connectDatastore, loadDatastoreConfig, Resources, type Backend } from '@calico-node/datastore';
import { startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { parseResource, workloadEndpointName, type Kind } from '@calico-node/model';
import { FelixProcess, relayInto } from './felix-process.ts';
import { NodeLab, type Workload } from './node-lab.ts';

/** A node's network with a store of its own, in which the real felix runs. */
export class StoreLab implements AsyncDisposable {
  readonly node: NodeLab;
  readonly etcd: EtcdProcess;
  readonly backend: Backend;
  readonly resources: Resources;
  readonly #relay: Disposable;

  private constructor(node: NodeLab, etcd: EtcdProcess, relay: Disposable, backend: Backend) {
    this.node = node;
    this.etcd = etcd;
    this.backend = backend;
    this.resources = new Resources(backend);
    this.#relay = relay;
  }

  static async start(): Promise<StoreLab> {
    const node = new NodeLab();
    const etcd = await startEtcd();
    const relay = await relayInto(node.netns, etcd.port);
    const backend = connectDatastore(loadDatastoreConfig({ env: { ETCD_ENDPOINTS: etcd.endpoints.join(',') } }));
    const lab = new StoreLab(node, etcd, relay, backend);
    await lab.resources.ensureInitialized({});
    return lab;
  }

  startFelix(env: Readonly<Record<string, string>> = {}): FelixProcess {
    const felix = new FelixProcess(this.node.netns, { ETCD_ENDPOINTS: `http://127.0.0.1:${this.etcd.port}`, ...env });
    felix.start();
    return felix;
  }

  /** Writes a resource; gives its store revision. */
  async apply(kind: Kind, metadata: object, spec: object): Promise<bigint> {
    const resource = parseResource({ kind, apiVersion: 'projectcalico.org/v3', metadata, spec });
    const { metadata: stored } = await this.resources.apply(resource);
    return BigInt(stored.resourceVersion ?? 0);
  }

  /** Writes a workload's endpoint, labelled `app` with its name, which the default profile lets do everything. */
  applyEndpoint(workload: Workload, name: string, more: object = {}): Promise<bigint> {
    const endpoint = workloadEndpointName({ node: 'node1', orchestrator: 'k8s', pod: name, endpoint: 'eth0' });
    return this.apply(
      'WorkloadEndpoint',
      { name: endpoint, namespace: 'default', labels: { app: name } },
      {
        orchestrator: 'k8s',
        node: 'node1',
        pod: name,
        endpoint: 'eth0',
        interfaceName: workload.interfaceName,
        ipNetworks: [`${workload.address}/32`],
        profiles: ['projectcalico-default-allow'],
        ...more,
      },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.backend.close();
    this.#relay[Symbol.dispose]();
    await this.etcd.stop();
    this.node[Symbol.dispose]();
  }
}

import {
  connectDatastore,
  DatastoreError,
  loadDatastoreConfig,
  Resources,
  type Backend,
  type DatastoreConfig,
} from '@calico-node/datastore';
import { Ipam } from '@calico-node/ipam';
import type { Logger, NodePaths } from '@calico-node/service';
import {
  EndpointStore,
  LibraryAddresses,
  MachineAddresses,
  ServiceAddresses,
  type Addresses,
} from '@calico-node/workload';
import { CniError, cniCodes } from '../spec/cni-error.ts';

type Variables = Readonly<Record<string, string | undefined>>;

/** A node has one store; a few more may come from configuration files that are being changed. */
const maxConnections = 4;

/** A store, and the addresses that are managed in it. */
export interface Store {
  readonly endpoints: EndpointStore;
  readonly addresses: Addresses;
  readonly machines: MachineAddresses;
}

interface Connection {
  readonly store: Store;
  readonly close: () => void;
}

function load(env: Variables): DatastoreConfig {
  try {
    return loadDatastoreConfig({ env });
  } catch (error) {
    if (error instanceof DatastoreError) throw new CniError(cniCodes.invalidConfig, error.message, { cause: error });
    throw error;
  }
}

/** Connections to the stores that network configurations name, kept open between calls. */
export class Stores {
  readonly #env: Variables;
  readonly #paths: NodePaths;
  readonly #log: Logger;
  readonly #connections = new Map<string, Connection>();

  constructor(env: Variables, paths: NodePaths, log: Logger) {
    this.#env = env;
    this.#paths = paths;
    this.#log = log;
  }

  /**
   * The store that a configuration names, else the node's own. Addresses of the node's own store come from
   * the node's IPAM service while it answers.
   *
   * @throws CniError code 7 when neither names one.
   */
  open(overrides: Readonly<Record<string, string>>): Store {
    // A variable with Calico's prefix would win over the configuration's.
    const own = Object.fromEntries(Object.entries(overrides).map(([name, value]) => [`CALICO_${name}`, value]));
    const config = load({ ...this.#env, ...overrides, ...own });
    const key = JSON.stringify(config);
    const known = this.#connections.get(key);
    if (known !== undefined) {
      this.#connections.delete(key);
      this.#connections.set(key, known);
      return known.store;
    }
    const connection = this.#connect(config, this.#isOwn(key));
    this.#connections.set(key, connection);
    this.#closeOldest();
    return connection.store;
  }

  close(): void {
    for (const { close } of this.#connections.values()) close();
    this.#connections.clear();
  }

  #isOwn(key: string): boolean {
    try {
      return JSON.stringify(loadDatastoreConfig({ env: this.#env })) === key;
    } catch {
      return false;
    }
  }

  #connect(config: DatastoreConfig, isOwn: boolean): Connection {
    const backend: Backend = connectDatastore(config, { log: this.#log });
    const ipam = new Ipam(backend);
    const library = new LibraryAddresses(ipam);
    const service = isOwn ? new ServiceAddresses(this.#paths.ipamSocket, library, this.#log) : undefined;
    return {
      store: {
        endpoints: new EndpointStore(backend, new Resources(backend, { ipam })),
        addresses: service ?? library,
        machines: new MachineAddresses(backend, ipam),
      },
      close: () => {
        service?.close();
        backend.close();
      },
    };
  }

  #closeOldest(): void {
    for (const [key, { close }] of this.#connections) {
      if (this.#connections.size <= maxConnections) return;
      this.#connections.delete(key);
      close();
    }
  }
}

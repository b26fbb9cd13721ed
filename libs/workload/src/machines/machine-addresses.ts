import { randomUUID } from 'node:crypto';
import { isDatastoreError, type Backend } from '@calico-node/datastore';
import type { Ipam, Owned, OwnerChange } from '@calico-node/ipam';
import { goJsonStringify, liveMigrationPrefix } from '@calico-node/model';
import type { NodeName } from '@calico-node/net';
import { LibraryAddresses, type Addresses } from '../addresses/addresses.ts';

/** The endpoint that a virtual machine is being moved to. */
export interface MigrationTarget {
  readonly node: NodeName;
  readonly orchestratorId: string;
  /** `<namespace>/<pod>` */
  readonly workloadId: string;
  readonly endpointId: string;
}

/** A machine's move from one pod to another. */
export interface Migration {
  /** `<namespace>/<pod>`, of Kubernetes; none, where nothing runs the machine any more. */
  readonly source: string | undefined;
  readonly target: MigrationTarget;
}

/** Addresses that virtual machines keep, while the pods that run them come and go (Calico's KubeVirt support). */
export class MachineAddresses {
  /** Gives a handle one address of a family, whoever else asks for it elsewhere. */
  readonly addresses: Addresses;
  readonly #backend: Backend;
  readonly #ipam: Ipam;

  constructor(backend: Backend, ipam: Ipam) {
    this.addresses = new LibraryAddresses(ipam);
    this.#backend = backend;
    this.#ipam = ipam;
  }

  /** Whether the cluster lets them (IPAMConfiguration's kubeVirtVMAddressPersistence). */
  async areKept(signal: AbortSignal): Promise<boolean> {
    return (await this.#ipam.config(signal)).kubeVirtVMAddressPersistence !== 'Disabled';
  }

  /** Changes who uses a machine's addresses; gives them all, as they are then. */
  changeOwners(handleId: string, change: OwnerChange, signal: AbortSignal): Promise<readonly Owned[]> {
    return this.#ipam.changeOwners(handleId, change, signal);
  }

  /**
   * Says that a machine moves to an endpoint: Felix gives that no route until the machine runs there, and that of the
   * source none that goes before others'. Calico's LiveMigration, which OpenStack's driver writes for its machines.
   */
  async beginMigration(
    namespace: string,
    name: string,
    { source, target }: Migration,
    signal: AbortSignal,
  ): Promise<void> {
    const migration = {
      kind: 'LiveMigration',
      apiVersion: 'projectcalico.org/v3',
      metadata: {
        name,
        namespace,
        uid: randomUUID(),
        creationTimestamp: `${new Date().toISOString().slice(0, 19)}Z`,
      },
      spec: {
        ...(source === undefined ? {} : { source: { workload: { orchestratorID: 'k8s', workloadID: source } } }),
        target: {
          workloadEndpoint: {
            orchestratorID: target.orchestratorId,
            workloadID: target.workloadId,
            endpointID: target.endpointId,
            hostname: target.node,
          },
        },
      },
    };
    await this.#backend.put(keyOf(namespace, name), goJsonStringify(migration), { signal });
  }

  /** Says that a move is over; one that nobody knows of is well. */
  async endMigration(namespace: string, name: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#backend.delete(keyOf(namespace, name), undefined, { signal });
    } catch (error) {
      if (!isDatastoreError(error, 'not-found')) throw error;
    }
  }
}

function keyOf(namespace: string, name: string): string {
  return `${liveMigrationPrefix}${namespace}/${name}`;
}

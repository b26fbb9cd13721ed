import { liveMigrationPrefix } from '@calico-node/model';
import type { NodeName } from '@calico-node/net';
import type { StoreUpdate } from './calc-graph.ts';
import { workloadEndpointIdOf, type WorkloadEndpointId } from './endpoint-id.ts';

interface Move {
  readonly source: WorkloadEndpointId | undefined;
  readonly target: WorkloadEndpointId | undefined;
}

/**
 * The endpoints of this host that virtual machines are being moved to, and away from, by the endpoint's name: OpenStack
 * writes it, and for KubeVirt our CNI plug-in. (Calico's KubeVirt targets, which are told by labels, need Kubernetes as
 * datastore.)
 */
export class LiveMigrations {
  readonly #hostname: NodeName;
  readonly #moves = new Map<string, Move>();
  #targets: ReadonlySet<WorkloadEndpointId> = new Set();

  constructor(hostname: NodeName) {
    this.#hostname = hostname;
  }

  get targets(): ReadonlySet<WorkloadEndpointId> {
    return this.#targets;
  }

  /** Whether a machine is being moved away from the endpoint: a source may name a whole workload. */
  isSource(id: WorkloadEndpointId): boolean {
    const workload = workloadOf(id);
    for (const { source } of this.#moves.values()) if (source === id || source === workload) return true;
    return false;
  }

  /** Takes a key's new state; keys that are no LiveMigration's are ignored, so is what cannot be read. */
  update({ key, value }: StoreUpdate): void {
    if (!key.startsWith(liveMigrationPrefix)) return;
    this.#moves.delete(key);
    if (value !== undefined) this.#add(key, value);
    this.#targets = new Set([...this.#moves.values()].flatMap(({ target }) => target ?? []));
  }

  #add(key: string, value: string): void {
    const spec = fieldOf(parsed(value), 'spec');
    const target = this.#endpointOf(fieldOf(fieldOf(spec, 'target'), 'workloadEndpoint'));
    const from = fieldOf(spec, 'source');
    const source = this.#endpointOf(fieldOf(from, 'workload') ?? fieldOf(from, 'workloadEndpoint'));
    if (source !== undefined || target !== undefined) this.#moves.set(key, { source, target });
  }

  /** None, for another host's; the names of Kubernetes' pods are one in the whole cluster. */
  #endpointOf(endpoint: unknown): WorkloadEndpointId | undefined {
    const read = (name: string): string => {
      const value = fieldOf(endpoint, name);
      return typeof value === 'string' ? value : '';
    };
    const orchestratorId = read('orchestratorID');
    if (orchestratorId === '' || (orchestratorId !== 'k8s' && read('hostname') !== this.#hostname)) return undefined;
    return workloadEndpointIdOf({
      orchestratorId,
      workloadId: read('workloadID'),
      endpointId: read('endpointID'),
    });
  }
}

/** The id of all endpoints of an endpoint's workload, as a source may have it. */
function workloadOf(id: WorkloadEndpointId): string {
  return id.slice(0, id.lastIndexOf('/') + 1);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}

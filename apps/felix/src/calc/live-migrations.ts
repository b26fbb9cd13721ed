import { liveMigrationPrefix } from '@calico-node/model';
import type { NodeName } from '@calico-node/net';
import type { StoreUpdate } from './calc-graph.ts';
import { workloadEndpointIdOf, type WorkloadEndpointId } from './endpoint-id.ts';

/**
 * The endpoints of this host that virtual machines are being moved to, by the endpoint's name: OpenStack writes it,
 * and for KubeVirt our CNI plug-in. (Calico's KubeVirt targets, which are told by labels, need Kubernetes as datastore.)
 */
export class LiveMigrations {
  readonly #hostname: NodeName;
  readonly #targets = new Map<string, WorkloadEndpointId>();

  constructor(hostname: NodeName) {
    this.#hostname = hostname;
  }

  get targets(): ReadonlySet<WorkloadEndpointId> {
    return new Set(this.#targets.values());
  }

  /** Takes a key's new state; keys that are no LiveMigration's are ignored, so is what cannot be read. */
  update({ key, value }: StoreUpdate): void {
    if (!key.startsWith(liveMigrationPrefix)) return;
    const target = value === undefined ? undefined : this.#targetOf(value);
    if (target === undefined) this.#targets.delete(key);
    else this.#targets.set(key, target);
  }

  #targetOf(text: string): WorkloadEndpointId | undefined {
    const endpoint = fieldOf(fieldOf(fieldOf(parsed(text), 'spec'), 'target'), 'workloadEndpoint');
    const read = (name: string): string => {
      const value = fieldOf(endpoint, name);
      return typeof value === 'string' ? value : '';
    };
    if (read('hostname') !== this.#hostname) return undefined;
    return workloadEndpointIdOf({
      orchestratorId: read('orchestratorID'),
      workloadId: read('workloadID'),
      endpointId: read('endpointID'),
    });
  }
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

import { Announcer } from './announcer.ts';
import type { WorkloadEndpointModel } from './convert/workload-endpoint.ts';
import type { WorkloadEndpointId } from './endpoint-id.ts';
import type { LocalWorkloadEndpoint, WorkloadEndpointRemove, WorkloadEndpointUpdate } from './intents.ts';
import { Multimap } from './label-table.ts';
import type { WorkloadPeering } from './local-peering.ts';

/**
 * This host's workload endpoints. Where several name the same interface, the one with the lowest id has
 * it and the others are not announced, as in Felix, until it is gone.
 */
export class LocalEndpoints {
  readonly #endpoints = new Map<WorkloadEndpointId, WorkloadEndpointModel>();
  readonly #byInterface = new Multimap<string, WorkloadEndpointId>();
  readonly #changed = new Announcer<WorkloadEndpointId>();

  get(id: WorkloadEndpointId): WorkloadEndpointModel | undefined {
    return this.#endpoints.get(id);
  }

  ids(): Iterable<WorkloadEndpointId> {
    return this.#endpoints.keys();
  }

  set(model: WorkloadEndpointModel): void {
    const { id, endpoint } = model;
    const old = this.#endpoints.get(id)?.endpoint.interfaceName;
    if (old !== undefined && old !== endpoint.interfaceName) this.#leaveInterface(id, old);
    this.#endpoints.set(id, model);
    this.#byInterface.add(endpoint.interfaceName, id);
    this.#touchInterface(endpoint.interfaceName);
  }

  delete(id: WorkloadEndpointId): void {
    const old = this.#endpoints.get(id);
    if (old === undefined) return;
    this.#endpoints.delete(id);
    this.#leaveInterface(id, old.endpoint.interfaceName);
  }

  /** Something that the endpoint's announcement says has changed outside of this table. */
  touch(id: WorkloadEndpointId): void {
    this.#changed.touch(id);
  }

  /**
   * What changed since the last call.
   *
   * @param restOf what of the announcement is not the endpoint's own record
   */
  takeChanges(restOf: (model: WorkloadEndpointModel) => Pick<LocalWorkloadEndpoint, 'tiers'> & WorkloadPeering): {
    readonly updates: readonly WorkloadEndpointUpdate[];
    readonly removals: readonly WorkloadEndpointRemove[];
  } {
    return this.#changed.take<WorkloadEndpointUpdate, WorkloadEndpointRemove>(
      (id) => {
        const model = this.#endpoints.get(id);
        if (model === undefined || !this.#hasItsInterface(model)) return 'gone';
        return { type: 'workload-endpoint-update', id, endpoint: { ...model.endpoint, ...restOf(model) } };
      },
      (id) => ({ type: 'workload-endpoint-remove', id }),
    );
  }

  #hasItsInterface({ id, endpoint }: WorkloadEndpointModel): boolean {
    for (const other of this.#byInterface.get(endpoint.interfaceName)) if (other < id) return false;
    return true;
  }

  #leaveInterface(id: WorkloadEndpointId, interfaceName: string): void {
    this.#byInterface.delete(interfaceName, id);
    this.#touchInterface(interfaceName);
    this.#changed.touch(id);
  }

  #touchInterface(interfaceName: string): void {
    for (const id of this.#byInterface.get(interfaceName)) this.#changed.touch(id);
  }
}

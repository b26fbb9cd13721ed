import { Announcer } from './announcer.ts';
import type { HostEndpointModel } from './convert/host-endpoint.ts';
import type { HostEndpointId } from './endpoint-id.ts';
import type { HostEndpointRemove, HostEndpointUpdate, LocalHostEndpoint } from './intents.ts';

type Tiers = Pick<LocalHostEndpoint, 'tiers' | 'forwardTiers' | 'untrackedTiers' | 'preDnatTiers'>;

/** This host's host endpoints. */
export class LocalHostEndpoints {
  readonly #endpoints = new Map<HostEndpointId, HostEndpointModel>();
  readonly #changed = new Announcer<HostEndpointId>();

  ids(): Iterable<HostEndpointId> {
    return this.#endpoints.keys();
  }

  set(model: HostEndpointModel): void {
    this.#endpoints.set(model.id, model);
    this.#changed.touch(model.id);
  }

  /** Gives whether it was there. */
  delete(id: HostEndpointId): boolean {
    if (!this.#endpoints.delete(id)) return false;
    this.#changed.touch(id);
    return true;
  }

  /** Something that the endpoint's announcement says has changed outside of this table. */
  touch(id: HostEndpointId): void {
    this.#changed.touch(id);
  }

  /** What changed since the last call. */
  takeChanges(tiersOf: (id: HostEndpointId) => Tiers): {
    readonly updates: readonly HostEndpointUpdate[];
    readonly removals: readonly HostEndpointRemove[];
  } {
    return this.#changed.take<HostEndpointUpdate, HostEndpointRemove>(
      (id) => {
        const model = this.#endpoints.get(id);
        if (model === undefined) return 'gone';
        return { type: 'host-endpoint-update', id, endpoint: { ...model.endpoint, ...tiersOf(id) } };
      },
      (id) => ({ type: 'host-endpoint-remove', id }),
    );
  }
}

import type { Intent } from '../calc/intents.ts';
import { HostAttachments } from '../rules/host-interfaces.ts';
import type { EndpointStatusWord } from './status-reporter.ts';

/** How the host's own interfaces are. */
export interface InterfaceStates {
  /** Whether the interface can carry packets; `undefined` when there is none of the name. */
  isUp(interfaceName: string): boolean | undefined;
}

/** An endpoint's name and how it is; `undefined`: it is gone. */
export interface HostEndpointChange {
  readonly name: string;
  readonly status: EndpointStatusWord | undefined;
}

/**
 * How host endpoints are, in Calico's words: `error` when an endpoint covers no interface that is there, `down` when one
 * that it covers is down, else `up`. One with interface name `*` is up whatever its interfaces are.
 */
export class HostEndpointStates {
  readonly #interfaces: InterfaceStates;
  readonly #attachments = new HostAttachments();
  readonly #names = new Map<string, string>();
  readonly #told = new Map<string, EndpointStatusWord>();

  constructor(interfaces: InterfaceStates) {
    this.#interfaces = interfaces;
  }

  /** Endpoints that there are. */
  get count(): number {
    return this.#names.size;
  }

  take(intents: readonly Intent[]): void {
    for (const intent of intents) {
      this.#attachments.take(intent);
      if (intent.type === 'host-endpoint-update') this.#names.set(intent.id, intent.endpoint.name);
      else if (intent.type === 'host-endpoint-remove') this.#names.delete(intent.id);
    }
  }

  /** How all are, by name. */
  snapshot(): ReadonlyMap<string, EndpointStatusWord> {
    if (this.#names.size === 0) return new Map();
    const states = new Map<string, EndpointStatusWord>([...this.#names.values()].map((name) => [name, 'error']));
    for (const { interfaceName, endpoint } of this.#attachments.list()) {
      const isUp = interfaceName === '*' || this.#interfaces.isUp(interfaceName);
      if (isUp === undefined || states.get(endpoint.name) === 'down') continue;
      states.set(endpoint.name, isUp ? 'up' : 'down');
    }
    return states;
  }

  /** What differs from what was told before; from now on `states` is what was told. */
  changesTo(states: ReadonlyMap<string, EndpointStatusWord>): readonly HostEndpointChange[] {
    const changes: HostEndpointChange[] = [];
    for (const name of this.#told.keys()) {
      if (states.has(name)) continue;
      this.#told.delete(name);
      changes.push({ name, status: undefined });
    }
    for (const [name, status] of states) {
      if (this.#told.get(name) === status) continue;
      this.#told.set(name, status);
      changes.push({ name, status });
    }
    return changes;
  }
}

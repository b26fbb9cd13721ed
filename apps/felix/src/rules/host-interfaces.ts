import type { IpAddress } from '@calico-node/net';
import type { HostEndpointId } from '../calc/endpoint-id.ts';
import type { Intent, LocalHostEndpoint } from '../calc/intents.ts';
import type { HostAttachment } from './host-chains.ts';

/**
 * Which host endpoint covers which interface: of those that name it, or name none and expect one of its addresses, the
 * one with the lowest name. An endpoint that names an interface covers it whether it is there or not, so that its
 * policy is in force from the interface's first packet. The lowest endpoint with interface name `*` covers the rest
 * (`felix/dataplane/linux/endpoint_mgr.go`).
 */
export class HostAttachments {
  readonly #endpoints = new Map<HostEndpointId, LocalHostEndpoint>();
  readonly #addresses = new Map<string, readonly IpAddress[]>();

  /** Takes what the intent says of host endpoints and interfaces; gives whether it does. */
  take(intent: Intent): boolean {
    switch (intent.type) {
      case 'host-endpoint-update':
        this.#endpoints.set(intent.id, intent.endpoint);
        return true;
      case 'host-endpoint-remove':
        return this.#endpoints.delete(intent.id);
      case 'host-interface-update':
        this.#addresses.set(intent.name, intent.addresses);
        return true;
      case 'host-interface-remove':
        return this.#addresses.delete(intent.name);
      default:
        return false;
    }
  }

  /** One per covered interface, by interface name, `*` first. */
  list(): readonly HostAttachment[] {
    const sorted = [...this.#endpoints].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint);
    const byInterface = new Map<string, LocalHostEndpoint>();
    for (const endpoint of sorted) {
      for (const name of this.#coveredBy(endpoint)) if (!byInterface.has(name)) byInterface.set(name, endpoint);
    }
    return [...byInterface]
      .map(([interfaceName, endpoint]) => ({ interfaceName, endpoint }))
      .sort((a, b) => (a.interfaceName < b.interfaceName ? -1 : 1));
  }

  #coveredBy({ interfaceName, expectedIps }: LocalHostEndpoint): readonly string[] {
    if (interfaceName !== '') return [interfaceName];
    return [...this.#addresses]
      .filter(([, addresses]) => expectedIps.some((ip) => addresses.includes(ip)))
      .map(([name]) => name);
  }
}

import type { IpAddress } from '@calico-node/net';
import { RouteMonitor, RouteSocket, type NetnsRef } from '@calico-node/netlink';
import type { HostInterfaceRemove, HostInterfaceUpdate } from '../../calc/intents.ts';

export interface HostInterfacesOptions {
  /** The node's namespace; the process's own when absent. */
  readonly netns?: NetnsRef;
  /** Starts of the names of workload interfaces, which are not told of. */
  readonly prefixes: readonly string[];
  /** Something may have changed: `takeChanges` soon. */
  readonly onDirty: () => void;
}

/** The host's own interfaces and their addresses, for host endpoints that are told by address. */
export class HostInterfaces implements Disposable {
  readonly #options: HostInterfacesOptions;
  readonly #monitor: RouteMonitor;
  readonly #socket: RouteSocket;
  /** Interface name to its addresses as they were last told. */
  readonly #told = new Map<string, readonly IpAddress[]>();
  #isDirty = true;

  constructor(options: HostInterfacesOptions) {
    this.#options = options;
    const where = options.netns === undefined ? {} : { netns: options.netns };
    const touch = (): void => {
      if (this.#isDirty) return;
      this.#isDirty = true;
      options.onDirty();
    };
    // The monitor first: what happens while we list makes us list again.
    this.#monitor = RouteMonitor.open({ ...where, groups: ['link', 'address'], onEvent: touch, onOverrun: touch });
    this.#socket = RouteSocket.open(where);
  }

  /** What differs from what was told before; nothing and no work when nothing has happened. */
  takeChanges(): readonly (HostInterfaceUpdate | HostInterfaceRemove)[] {
    if (!this.#isDirty) return [];
    this.#isDirty = false;
    const found = this.#list();
    const changes: (HostInterfaceUpdate | HostInterfaceRemove)[] = [];
    for (const name of this.#told.keys()) {
      if (found.has(name)) continue;
      this.#told.delete(name);
      changes.push({ type: 'host-interface-remove', name });
    }
    for (const [name, addresses] of found) {
      if (this.#told.get(name)?.join() === addresses.join()) continue;
      this.#told.set(name, addresses);
      changes.push({ type: 'host-interface-update', name, addresses });
    }
    return changes;
  }

  [Symbol.dispose](): void {
    this.#monitor.close();
    this.#socket.close();
  }

  #list(): ReadonlyMap<string, readonly IpAddress[]> {
    const byIndex = Map.groupBy(this.#socket.listAddresses(), ({ interfaceIndex }) => interfaceIndex);
    const own = this.#socket
      .listLinks()
      .filter(({ name }) => !this.#options.prefixes.some((prefix) => name.startsWith(prefix)));
    return new Map(
      own.map(({ name, index }) => [name, (byIndex.get(index) ?? []).map(({ ip }) => ip).sort()] as const),
    );
  }
}

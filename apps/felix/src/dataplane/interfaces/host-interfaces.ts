import type { IpAddress } from '@calico-node/net';
import { RouteMonitor, RouteSocket, type NetnsRef, type RouteEvent } from '@calico-node/netlink';
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
  /** Indices of workload interfaces: a node has many of them, and they come and go all the time. */
  readonly #workloads = new Set<number>();
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
    this.#monitor = RouteMonitor.open({
      ...where,
      groups: ['link', 'address'],
      onEvent: (event) => {
        if (!this.#isAboutWorkload(event)) touch();
      },
      onOverrun: touch,
    });
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

  #isWorkload(name: string): boolean {
    return this.#options.prefixes.some((prefix) => name.startsWith(prefix));
  }

  /** An interface's own event comes before those of its addresses. */
  #isAboutWorkload(event: RouteEvent): boolean {
    if (event.object === 'address') return this.#workloads.has(event.address.interfaceIndex);
    if (event.object !== 'link') return false;
    const { name, index } = event.link;
    const isWorkload = this.#isWorkload(name);
    if (isWorkload && event.action === 'set') return this.#workloads.add(index).has(index);
    return this.#workloads.delete(index) && isWorkload;
  }

  #list(): ReadonlyMap<string, readonly IpAddress[]> {
    const byIndex = Map.groupBy(this.#socket.listAddresses(), ({ interfaceIndex }) => interfaceIndex);
    const links = this.#socket.listLinks();
    this.#workloads.clear();
    for (const { name, index } of links) if (this.#isWorkload(name)) this.#workloads.add(index);
    const own = links.filter(({ name }) => !this.#isWorkload(name));
    return new Map(
      own.map(({ name, index }) => [name, (byIndex.get(index) ?? []).map(({ ip }) => ip).sort()] as const),
    );
  }
}

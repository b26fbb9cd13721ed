import type { IpAddress } from '@calico-node/net';
import { RouteMonitor, RouteSocket, type Link, type NetnsRef, type RouteEvent } from '@calico-node/netlink';
import type { HostInterfaceRemove, HostInterfaceUpdate } from '../../calc/intents.ts';
import { ipvsInterface } from './service-addresses.ts';

export interface HostInterfacesOptions {
  /** The node's namespace; the process's own when absent. */
  readonly netns?: NetnsRef;
  /** Starts of the names of workload interfaces, which are not told of. */
  readonly prefixes: readonly string[];
  /** Of those that are not told of either (InterfaceExclude). */
  readonly excluded?: readonly RegExp[];
  /** Whether kube-proxy's interface for services' addresses is there, as it has in its IPVS mode; told at each notice. */
  readonly onIpvsInterface?: (isThere: boolean) => void;
  /** Something may have changed: `takeChanges` soon. */
  readonly onDirty: () => void;
}

/**
 * How long an address that is taken away counts as there: who renews one takes it away and gives it again, and policy that
 * goes by the address is not to go with it for the moment between. Calico waits as long.
 */
const GRACE_MS = 100;

/** The host's own interfaces, their addresses, for host endpoints that are told by address, and whether they are up. */
export class HostInterfaces implements Disposable {
  readonly #options: HostInterfacesOptions;
  readonly #monitor: RouteMonitor;
  readonly #socket: RouteSocket;
  /** Interface name to its addresses as they were last told. */
  readonly #told = new Map<string, readonly IpAddress[]>();
  /** Index to name of all interfaces that are not passed over, kept by what the kernel notifies. */
  readonly #names = new Map<number, string>();
  readonly #indexes = new Map<string, number>();
  /** Names of which something has happened since they were last told of. */
  readonly #touched = new Set<string>();
  /** Index of an interface in `#names` to its addresses. */
  readonly #addresses = new Map<number, Set<IpAddress>>();
  /** Timers of addresses that are on their way out, by interface and address. */
  readonly #leaving = new Map<string, NodeJS.Timeout>();
  /** Names of those that can carry packets. */
  readonly #running = new Set<string>();
  /** Notices were lost, or there were none yet: everything is to be listed. */
  #isUnknown = true;
  #isDirty = true;

  constructor(options: HostInterfacesOptions) {
    this.#options = options;
    const where = options.netns === undefined ? {} : { netns: options.netns };
    // The monitor first: what happens while we list is told once more, in order.
    this.#monitor = RouteMonitor.open({
      ...where,
      groups: ['link', 'address'],
      onEvent: (event) => {
        if (this.#take(event)) this.#touch();
      },
      onOverrun: () => {
        this.#isUnknown = true;
        this.#touch();
      },
    });
    this.#socket = RouteSocket.open(where);
  }

  /** Lists everything anew at the next `takeChanges`. */
  resync(): void {
    this.#isUnknown = true;
    this.#isDirty = true;
  }

  /** What differs from what was told before; nothing and no work when nothing has happened. */
  takeChanges(): readonly (HostInterfaceUpdate | HostInterfaceRemove)[] {
    if (!this.#isDirty) return [];
    this.#isDirty = false;
    if (this.#isUnknown) this.#list();
    const removes: HostInterfaceRemove[] = [];
    const updates: HostInterfaceUpdate[] = [];
    for (const name of this.#touched) {
      const index = this.#indexes.get(name);
      if (index === undefined) {
        if (this.#told.delete(name)) removes.push({ type: 'host-interface-remove', name });
        continue;
      }
      const addresses = [...(this.#addresses.get(index) ?? [])].sort();
      if (this.#told.get(name)?.join() === addresses.join()) continue;
      this.#told.set(name, addresses);
      updates.push({ type: 'host-interface-update', name, addresses });
    }
    this.#touched.clear();
    return [...removes, ...updates];
  }

  /** Whether the interface can carry packets; `undefined` when none of that name has been told of. */
  isUp(name: string): boolean | undefined {
    return this.#told.has(name) ? this.#running.has(name) : undefined;
  }

  [Symbol.dispose](): void {
    this.#stay();
    this.#monitor.close();
    this.#socket.close();
  }

  #touch(): void {
    if (this.#isDirty) return;
    this.#isDirty = true;
    this.#options.onDirty();
  }

  /** Takes a notice over. False: there is nothing to tell, as of workloads' interfaces, of which many come and go. */
  #take(event: RouteEvent): boolean {
    if (event.object === 'link') {
      const { index, name } = event.link;
      if (name === ipvsInterface) this.#options.onIpvsInterface?.(event.action === 'set');
      if (event.action === 'set' && isOwnInterface(name, this.#options)) {
        this.#setLink(event.link);
        return true;
      }
      this.#running.delete(name);
      this.#addresses.delete(index);
      return this.#forgetName(index);
    }
    if (event.object !== 'address') return false;
    const { interfaceIndex, ip } = event.address;
    const name = this.#names.get(interfaceIndex);
    // An interface's own notice comes before those of its addresses.
    if (name === undefined) return false;
    if (event.action === 'delete') {
      this.#leaveSoon(interfaceIndex, ip);
      return false;
    }
    this.#stay(`${interfaceIndex} ${ip}`);
    this.#touched.add(name);
    this.#addressesOf(interfaceIndex).add(ip);
    return true;
  }

  #leaveSoon(index: number, ip: IpAddress): void {
    const key = `${index} ${ip}`;
    this.#stay(key);
    const leave = (): void => {
      this.#leaving.delete(key);
      const name = this.#names.get(index);
      if (name === undefined || this.#addresses.get(index)?.delete(ip) !== true) return;
      this.#touched.add(name);
      this.#touch();
    };
    this.#leaving.set(key, setTimeout(leave, GRACE_MS).unref());
  }

  /** None is on its way out any more, or this one is not. */
  #stay(key?: string): void {
    for (const each of key === undefined ? [...this.#leaving.keys()] : [key]) {
      clearTimeout(this.#leaving.get(each));
      this.#leaving.delete(each);
    }
  }

  #setLink({ index, name, running }: Link): void {
    const before = this.#names.get(index);
    if (before !== undefined) this.#running.delete(before);
    if (before !== name) this.#forgetName(index);
    this.#names.set(index, name);
    this.#indexes.set(name, index);
    this.#touched.add(name);
    if (running) this.#running.add(name);
  }

  /** Whether it had one. */
  #forgetName(index: number): boolean {
    const name = this.#names.get(index);
    if (name === undefined) return false;
    this.#names.delete(index);
    // Another one may have the name by now.
    if (this.#indexes.get(name) === index) this.#indexes.delete(name);
    this.#touched.add(name);
    return true;
  }

  #addressesOf(index: number): Set<IpAddress> {
    const known = this.#addresses.get(index) ?? new Set();
    this.#addresses.set(index, known);
    return known;
  }

  #list(): void {
    this.#isUnknown = false;
    this.#stay();
    this.#names.clear();
    this.#indexes.clear();
    for (const name of this.#told.keys()) this.#touched.add(name);
    this.#addresses.clear();
    this.#running.clear();
    const links = this.#socket.listLinks();
    this.#options.onIpvsInterface?.(links.some(({ name }) => name === ipvsInterface));
    for (const link of links) if (isOwnInterface(link.name, this.#options)) this.#setLink(link);
    for (const { interfaceIndex, ip } of this.#socket.listAddresses()) {
      if (this.#names.has(interfaceIndex)) this.#addressesOf(interfaceIndex).add(ip);
    }
  }
}

/** Whether an interface is one of the host's own, by its name: no workload's, and not passed over. */
export function isOwnInterface(
  name: string,
  { prefixes, excluded = [] }: Pick<HostInterfacesOptions, 'prefixes' | 'excluded'>,
): boolean {
  return !prefixes.some((prefix) => name.startsWith(prefix)) && !excluded.some((pattern) => pattern.test(name));
}

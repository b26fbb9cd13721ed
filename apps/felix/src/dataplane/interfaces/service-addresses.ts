import { hostCidr, type IpAddress } from '@calico-node/net';
import { RouteMonitor, RouteSocket, type NetnsRef } from '@calico-node/netlink';
import type { IpSetDelta } from '../../calc/intents.ts';
import { ipvsServicesSet } from '../../calc/ip-set.ts';

export interface ServiceAddressesOptions {
  /** The node's namespace; the process's own when absent. */
  readonly netns?: NetnsRef;
  /** Something may have changed: `takeChanges` soon. */
  readonly onDirty: () => void;
}

/** What kube-proxy gives services' addresses to, in its IPVS mode alone. */
export const ipvsInterface = 'kube-ipvs0';

/** Whether kube-proxy is in its IPVS mode, by its interface in the process's own namespace. */
export function hasIpvsInterface(): boolean {
  using socket = RouteSocket.open({});
  return socket.getLink(ipvsInterface) !== undefined;
}

/**
 * The addresses that kube-proxy's interface has and no other one: those of services, which IPVS takes. Whatever else is
 * the host's own, one that has only just come included, is asked for as the host's.
 */
export class ServiceAddresses implements Disposable {
  readonly #monitor: RouteMonitor;
  readonly #socket: RouteSocket;
  readonly #interfaceIndex: number | undefined;
  /** Indexes of the interfaces that have the address. */
  readonly #holders = new Map<IpAddress, Set<number>>();
  /** As they were last told. */
  readonly #told = new Set<IpAddress>();
  /** Those whose holders have changed since. */
  readonly #touched = new Set<IpAddress>();
  /** Notices were lost, or there were none yet: everything is to be listed. */
  #isUnknown = true;

  constructor({ netns, onDirty }: ServiceAddressesOptions) {
    const where = netns === undefined ? {} : { netns };
    // The monitor first: what happens while we list is told once more, in order.
    this.#monitor = RouteMonitor.open({
      ...where,
      groups: ['address'],
      onEvent: (event) => {
        if (event.object !== 'address') return;
        const { ip } = event.address;
        this.#set(event.address, event.action === 'set');
        if (this.#isService(ip) !== this.#told.has(ip)) onDirty();
      },
      onOverrun: () => {
        this.#isUnknown = true;
        onDirty();
      },
    });
    this.#socket = RouteSocket.open(where);
    this.#interfaceIndex = this.#socket.getLink(ipvsInterface)?.index;
  }

  /** Lists everything anew at the next `takeChanges`. */
  resync(): void {
    this.#isUnknown = true;
  }

  /** What differs from what was told before, for the set of services' addresses; nothing when nothing does. */
  takeChanges(): readonly IpSetDelta[] {
    if (this.#isUnknown) this.#list();
    const added: IpAddress[] = [];
    const removed: IpAddress[] = [];
    for (const ip of this.#touched) {
      const isService = this.#isService(ip);
      if (isService === this.#told.has(ip)) continue;
      if (isService) {
        this.#told.add(ip);
        added.push(ip);
      } else {
        this.#told.delete(ip);
        removed.push(ip);
      }
    }
    this.#touched.clear();
    if (added.length + removed.length === 0) return [];
    const change = { added: added.map(hostCidr), removed: removed.map(hostCidr) };
    return [{ type: 'ip-set-delta', id: ipvsServicesSet, kind: 'net', ...change }];
  }

  [Symbol.dispose](): void {
    this.#monitor.close();
    this.#socket.close();
  }

  #isService(ip: IpAddress): boolean {
    const holders = this.#holders.get(ip);
    return this.#interfaceIndex !== undefined && holders?.size === 1 && holders.has(this.#interfaceIndex);
  }

  #set({ ip, interfaceIndex }: { readonly ip: IpAddress; readonly interfaceIndex: number }, isThere: boolean): void {
    const holders = this.#holders.get(ip) ?? new Set();
    if (isThere) this.#holders.set(ip, holders.add(interfaceIndex));
    else if (holders.delete(interfaceIndex) && holders.size === 0) this.#holders.delete(ip);
    this.#touched.add(ip);
  }

  #list(): void {
    this.#isUnknown = false;
    this.#holders.clear();
    for (const ip of this.#told) this.#touched.add(ip);
    for (const address of this.#socket.listAddresses()) this.#set(address, true);
  }
}

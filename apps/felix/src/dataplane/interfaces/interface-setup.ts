import { familyOf, splitCidr, type IpAddress } from '@calico-node/net';
import { deleteNeighbour, type Link, replaceNeighbour, type RouteEvent, type RouteSocket } from '@calico-node/netlink';
import type { LocalWorkloadEndpoint } from '../../calc/intents.ts';
import { errorText } from '../error-text.ts';
import type { Repairs } from '../repairs.ts';
import type { KernelSettings } from './interface-settings.ts';
import { PeeringAddresses } from './peering-addresses.ts';

export interface InterfaceSetupOptions {
  readonly socket: RouteSocket;
  readonly settings: KernelSettings;
  /** Leaves neighbours and addresses to others (RouteSyncDisabled). */
  readonly withoutRoutes: boolean;
  readonly repairs: Repairs;
}

/** What was put in place on an interface. */
interface Done {
  readonly index: number;
  readonly endpoint: LocalWorkloadEndpoint;
}

/** The IPv4 addresses of an endpoint for which the kernel need not ask, since the endpoint names its MAC address. */
function staticArpAddresses(endpoint: LocalWorkloadEndpoint): readonly IpAddress[] {
  if (endpoint.mac === undefined || !endpoint.adminUp) return [];
  return endpoint.addresses.filter((cidr) => familyOf(cidr) === 4).map((cidr) => splitCidr(cidr).ip);
}

function allowsSpoofing({ allowedSourcePrefixes }: LocalWorkloadEndpoint): boolean {
  return allowedSourcePrefixes.length > 0;
}

/**
 * What a workload's interface needs besides routes: the kernel's settings, static neighbours, and the node's addresses
 * there. It remembers what is in place, and looks at an interface again when that is in doubt: what differs then is
 * somebody else's doing.
 */
export class InterfaceSetup {
  readonly #options: InterfaceSetupOptions;
  readonly #peering = new PeeringAddresses();
  /** By the interface's name. */
  readonly #done = new Map<string, Done>();
  readonly #doubtful = new Set<string>();
  #isHostDoubtful = false;
  #writes = 0;

  constructor(options: InterfaceSetupOptions) {
    this.#options = options;
  }

  get writes(): number {
    return this.#writes;
  }

  /** The kernel's state is listed anew: all is in doubt. */
  list(isWorkload: (interfaceIndex: number) => boolean): void {
    this.#peering.list(this.#options.socket.listAddresses(), isWorkload);
    for (const name of this.#done.keys()) this.#doubtful.add(name);
    this.#isHostDoubtful = true;
  }

  /**
   * Puts in place what the endpoint needs on its interface. True: it lost an IPv4 address by that; the kernel drops the
   * interface's IPv4 routes with the last.
   *
   * @throws NetlinkError, or the file error of a setting that cannot be made.
   */
  apply(link: Link, endpoint: LocalWorkloadEndpoint): boolean {
    const { settings, withoutRoutes, repairs } = this.#options;
    const before = this.#done.get(link.name);
    const done = before?.index === link.index ? before : undefined;
    const isDoubtful = this.#doubtful.has(link.name);
    if (done?.endpoint === endpoint && !isDoubtful) return false;
    const changed: string[] = [];
    let hasLost = false;
    const isFree = allowsSpoofing(endpoint);
    if (done === undefined || isDoubtful || allowsSpoofing(done.endpoint) !== isFree) {
      changed.push(...settings.configureWorkload(link.name, isFree));
    }
    if (!withoutRoutes) {
      const { peeringAddresses = [] } = endpoint;
      const addresses = this.#peering.apply(this.#options.socket, link.index, peeringAddresses);
      hasLost = addresses.some((ip) => familyOf(ip) === 4 && !peeringAddresses.includes(ip));
      this.#writes += addresses.length;
      changed.push(...addresses.map((ip) => `address ${ip} on ${link.name}`));
      // After the addresses: neighbours go with the last.
      changed.push(...this.#setNeighbours(link, done?.endpoint, endpoint));
    }
    if (done?.endpoint === endpoint) repairs.found(changed);
    this.#done.set(link.name, { index: link.index, endpoint });
    this.#doubtful.delete(link.name);
    return hasLost;
  }

  /** The interface is nobody's any more: takes away what its endpoint had there. @throws NetlinkError */
  clear(link: Link): void {
    const done = this.#done.get(link.name);
    if (done?.index === link.index && !this.#options.withoutRoutes) {
      this.#deleteNeighbours(link, staticArpAddresses(done.endpoint));
      this.#writes += this.#peering.apply(this.#options.socket, link.index, []).length;
    }
    this.#done.delete(link.name);
    this.#doubtful.delete(link.name);
  }

  /** The interface is gone, or down, which takes away neighbours and addresses. */
  forget(name: string): void {
    const done = this.#done.get(name);
    if (done !== undefined) this.#peering.forget(done.index);
    this.#done.delete(name);
    this.#doubtful.delete(name);
  }

  /** Has the host itself route, once more where that was undone. Gives what failed, which is tried again next time. */
  applyHost(): readonly string[] {
    if (!this.#isHostDoubtful) return [];
    try {
      this.#options.repairs.found(this.#options.settings.keepForwarding());
      this.#isHostDoubtful = false;
      return [];
    } catch (error) {
      return [`the host does not route: ${errorText(error)}`];
    }
  }

  /** Takes somebody else's change of what is in place on the interface; true: it is to be looked at again. */
  isNews(event: RouteEvent, name: string | undefined): boolean {
    if (event.object === 'settings' && event.settings.interfaceIndex === 'all') {
      this.#isHostDoubtful ||= event.settings.forwarding === 0 && this.#options.settings.isForwarding;
      return this.#isHostDoubtful;
    }
    const done = name === undefined ? undefined : this.#done.get(name);
    if (name === undefined || done === undefined || !this.#isUndone(event, done)) return false;
    this.#doubtful.add(name);
    return true;
  }

  #isUndone(event: RouteEvent, { index, endpoint }: Done): boolean {
    const { socket, settings, withoutRoutes } = this.#options;
    if (event.object === 'settings') return !settings.isConfigured(event.settings, allowsSpoofing(endpoint));
    if (withoutRoutes || event.originPortId === socket.portId) return false;
    if (event.object === 'neighbour') {
      const { ip, mac, state, isProxy } = event.neighbour;
      if (isProxy || !staticArpAddresses(endpoint).includes(ip)) return false;
      return event.action === 'delete' || mac !== endpoint.mac || state !== 'permanent';
    }
    if (event.object !== 'address' || event.action !== 'delete') return false;
    return this.#peering.lose(index, event.address.ip);
  }

  /** Gives what that changed. */
  #setNeighbours(
    link: Link,
    before: LocalWorkloadEndpoint | undefined,
    endpoint: LocalWorkloadEndpoint,
  ): readonly string[] {
    const addresses = staticArpAddresses(endpoint);
    const surplus = before === undefined ? [] : staticArpAddresses(before).filter((ip) => !addresses.includes(ip));
    this.#deleteNeighbours(link, surplus);
    const { mac } = endpoint;
    if (mac === undefined || addresses.length === 0) return [];
    const { socket } = this.#options;
    const known = socket.listNeighbours({ family: 4, interfaceIndex: link.index });
    const missing = addresses.filter(
      (ip) => !known.some((entry) => entry.ip === ip && entry.mac === mac && entry.state === 'permanent'),
    );
    socket.apply(missing.map((ip) => replaceNeighbour({ interfaceIndex: link.index, ip, mac })));
    this.#writes += missing.length;
    return missing.map((ip) => `neighbour ${ip} on ${link.name}`);
  }

  #deleteNeighbours({ index }: Link, addresses: readonly IpAddress[]): void {
    const requests = addresses.map((ip) => deleteNeighbour({ interfaceIndex: index, ip }));
    this.#writes += requests.length;
    for (const error of this.#options.socket.execute(requests)) {
      // Gone already, by another hand.
      if (error !== undefined && error.code !== 'ENOENT') throw error;
    }
  }
}

/**
 * The way to what is on other hosts, where BGP does not show it: tunnel devices, who is at their other ends, and
 * the routes over them.
 *
 *   pools' encapsulations ─► devices ──────────────┐
 *   other nodes ───────────► neighbours, FDB ──────┼─► apply ─► kernel
 *   resolved routes ───────► routes (protocol 80) ─┘              │
 *            ▲                                                    │
 *            └──────── events of others' changes ◄────────────────┘
 *
 * A change of routes costs what changed; a change of devices, or a foreign hand on them, looks at everything anew.
 * What fails is told of, tried again, and holds up nothing else.
 */
import { familyOf, type Cidr, type Family, type IpAddress, type NodeName } from '@calico-node/net';
import {
  type Link,
  type Neighbour,
  type NetnsRef,
  type Route,
  type RouteEvent,
  RouteMonitor,
  RouteSocket,
  type RouteSpec,
} from '@calico-node/netlink';
import type { EncapsulationUpdate, HostUpdate, Intent, RouteTarget, VxlanEndpoint } from '../../calc/intents.ts';
import { errorText } from '../error-text.ts';
import { ForeignChanges } from '../foreign-changes.ts';
import { tunnelDevices } from '../../rules/tunnel-rules.ts';
import { Retry } from '../retry.ts';
import { RouteTable } from '../routes/route-table.ts';
import { ChecksumOffload } from './checksum-offload.ts';
import { OuterLinks, tunnelMtu, type TunnelMtus, workloadMtu } from './mtu.ts';
import { ensureDevice, isSameVxlan, removeDevice, type TunnelDevice } from './tunnel-device.ts';
import { peerRequests } from './vxlan-peers.ts';

export interface ClusterNetworkOptions {
  readonly netns?: NetnsRef;
  readonly hostname: NodeName;
  readonly families: readonly Family[];
  /** RTPROT_* of our routes. */
  readonly routeProtocol: number;
  /** Leaves routes to others (RouteSyncDisabled). */
  readonly withoutRoutes?: boolean;
  /** Those that lead out of the host. */
  readonly mtuInterfaces: RegExp;
  readonly vxlan: {
    readonly vni: number;
    readonly port: number;
  };
  readonly mtus: TunnelMtus;
  /** Checksums of what goes into tunnels are not left to the hardware. */
  readonly withoutChecksumOffload?: boolean;
  /** The families whose packets may go by WireGuard, for which workloads' packets leave room. */
  readonly wireguard?: readonly Family[];
  /**
   * What the interfaces of workloads should have: at first, and whenever it changes.
   * @param isGuess no interface is known to lead out of the host.
   */
  readonly onWorkloadMtu: (mtu: number, isGuess: boolean) => void;
  /** Somebody else changed devices, neighbours, entries or routes of ours, named so, and they were put right. */
  readonly onRepair?: (what: readonly string[]) => void;
  /** The kernel changed by somebody else's hand, or something is to be tried again: apply soon. */
  readonly onDirty: () => void;
}

/** Tunnels that pools ask for. */
type PoolTunnel = keyof typeof tunnelDevices;

/** The kinds of tunnel that carry packets of each family. */
const tunnelsOfFamily: Readonly<Record<Family, readonly PoolTunnel[]>> = { 4: ['ipip', 'vxlan4'], 6: ['vxlan6'] };
const vxlanKinds = { 4: 'vxlan4', 6: 'vxlan6' } as const satisfies Record<Family, PoolTunnel>;
const deviceNames: ReadonlySet<string> = new Set(Object.values(tunnelDevices));

const RETRY_MAX_MS = 5000;

export class ClusterNetwork implements Disposable {
  readonly #options: ClusterNetworkOptions;
  readonly #socket: RouteSocket;
  readonly #monitor: RouteMonitor;
  readonly #table: RouteTable;
  readonly #hosts = new Map<NodeName, HostUpdate>();
  readonly #routes = new Map<Cidr, RouteTarget>();
  #encapsulation: EncapsulationUpdate | undefined;
  /** Devices as last made. */
  readonly #devices = new Map<PoolTunnel, Link>();
  readonly #parents = new Map<Family, Link>();
  /** Devices, neighbours and the kernel's routes are to be looked at anew; without: routes that were touched. */
  #isStale = true;
  readonly #retry: Retry;
  #deviceWrites = 0;
  readonly #foreign: ForeignChanges;
  #checksumOffload: ChecksumOffload | undefined;
  readonly #outer: OuterLinks;
  #workloadMtu: number | undefined;

  constructor(options: ClusterNetworkOptions) {
    this.#options = options;
    this.#outer = new OuterLinks(options.mtuInterfaces);
    this.#retry = new Retry(options.onDirty, RETRY_MAX_MS);
    this.#foreign = new ForeignChanges(options.onRepair);
    const where = options.netns === undefined ? {} : { netns: options.netns };
    // The monitor first: what happens while we list is in both, and nothing is missed.
    this.#monitor = RouteMonitor.open({
      ...where,
      groups: ['link', 'address', 'ipv4-route', 'ipv6-route', 'neighbour'],
      onEvent: (event) => {
        if (event.originPortId === this.#socket.portId || !this.#isNews(event)) return;
        const what = this.#ownIn(event);
        if (what !== undefined) this.#foreign.add(what);
        if (event.object !== 'route') this.#isStale = true;
        options.onDirty();
      },
      onOverrun: () => {
        this.resync();
        options.onDirty();
      },
    });
    this.#socket = RouteSocket.open(where);
    this.#table = new RouteTable(this.#socket, options.routeProtocol);
  }

  get writes(): number {
    return this.#deviceWrites + this.#table.writes;
  }

  /** How often something was put right that somebody else had changed. */
  get repairs(): number {
    return this.#foreign.count;
  }

  /** Takes changes into what should be; no I/O. */
  update(intents: readonly Intent[]): void {
    for (const intent of intents) this.#take(intent);
  }

  /** Reads the kernel anew at the next `apply`. */
  resync(): void {
    this.#isStale = true;
  }

  /** Makes it so. Gives what failed, one text each, which is tried again soon. */
  apply(): string[] {
    const problems: string[] = [];
    try {
      if (this.#isStale) problems.push(...this.#refresh());
      if (this.#options.withoutRoutes !== true) problems.push(...this.#table.apply());
    } catch (error) {
      this.#isStale = true;
      problems.push(errorText(error));
    }
    if (problems.length > 0) this.#retry.failed();
    else {
      this.#retry.succeeded();
      this.#foreign.settle(this.writes);
    }
    return problems;
  }

  [Symbol.dispose](): void {
    this.#retry[Symbol.dispose]();
    this.#monitor.close();
    this.#socket.close();
    this.#checksumOffload?.[Symbol.dispose]();
  }

  #take(intent: Intent): void {
    switch (intent.type) {
      case 'host-update':
        this.#hosts.set(intent.hostname, intent);
        this.#isStale = true;
        return;
      case 'host-remove':
        this.#hosts.delete(intent.hostname);
        this.#isStale = true;
        return;
      case 'encapsulation-update':
        this.#encapsulation = intent;
        this.#isStale = true;
        return;
      case 'route-update':
        this.#routes.set(intent.destination, intent.route);
        this.#table.want(intent.destination, this.#specOf(intent.destination, intent.route));
        return;
      case 'route-remove':
        this.#routes.delete(intent.destination);
        this.#table.want(intent.destination, undefined);
        return;
      default:
        return;
    }
  }

  /** Looks at everything anew: devices, then the routes over them. Gives what failed. */
  #refresh(): string[] {
    const links = this.#socket.listLinks();
    this.#tellMtu(links);
    const problems = this.#options.families.flatMap((family) => {
      this.#refreshParent(family, links);
      return tunnelsOfFamily[family].flatMap((kind) => {
        try {
          this.#refreshDevice(kind, family);
          return [];
        } catch (error) {
          return [`${tunnelDevices[kind]}: ${errorText(error)}`];
        }
      });
    });
    this.#table.list(this.#options.families, (route) => this.#isForeign(route));
    for (const [destination, target] of this.#routes) this.#table.want(destination, this.#specOf(destination, target));
    this.#isStale = problems.length > 0;
    return problems;
  }

  #tellMtu(links: readonly Link[]): void {
    const { mtus, onWorkloadMtu } = this.#options;
    this.#outer.take(links);
    if (this.#encapsulation === undefined) return;
    const encapsulation = this.#encapsulation;
    const kinds = [
      ...(['ipip', 'vxlan4', 'vxlan6'] as const).filter((kind) => encapsulation[kind]),
      ...(this.#options.wireguard ?? []).map((family) => (family === 4 ? 'wireguard4' : 'wireguard6')),
    ];
    const mtu = workloadMtu(kinds, mtus, this.#outer.mtu);
    if (mtu === this.#workloadMtu) return;
    this.#workloadMtu = mtu;
    onWorkloadMtu(mtu, !this.#outer.areKnown);
  }

  #refreshParent(family: Family, links: readonly Link[]): void {
    const local = this.#localAddress(family);
    const holder = this.#socket.listAddresses({ family }).find(({ ip }) => ip === local);
    const parent = links.find(({ index }) => index === holder?.interfaceIndex);
    if (parent === undefined) this.#parents.delete(family);
    else this.#parents.set(family, parent);
  }

  #refreshDevice(kind: PoolTunnel, family: Family): void {
    const before = this.#devices.get(kind);
    this.#devices.delete(kind);
    if (this.#encapsulation?.[kind] !== true) {
      if (this.#encapsulation !== undefined) this.#deviceWrites += removeDevice(this.#socket, tunnelDevices[kind]);
      return;
    }
    const device = kind === 'ipip' ? this.#ipipDevice() : this.#vxlanDevice(kind, family);
    if (device === undefined) return;
    const { link, writes } = ensureDevice(this.#socket, device);
    this.#deviceWrites += writes + this.#dropChecksumOffload(link);
    this.#devices.set(kind, link);
    // It went together with what was told of before.
    if (!this.#foreign.isEmpty && before !== undefined && before.index !== link.index)
      this.#foreign.add(`device ${link.name}`);
    if (kind === 'ipip') return;
    const requests = peerRequests(this.#socket, link.index, family, this.#peers(family));
    this.#deviceWrites += requests.length;
    this.#socket.apply(requests);
  }

  #dropChecksumOffload({ index }: Link): number {
    const { withoutChecksumOffload, netns } = this.#options;
    if (withoutChecksumOffload !== true) return 0;
    this.#checksumOffload ??= new ChecksumOffload(netns === undefined ? {} : { netns });
    return this.#checksumOffload.switchOff(index);
  }

  /** Without an address until Calico's start-up has given the node one: packets pass all the same. */
  #ipipDevice(): TunnelDevice {
    return {
      name: tunnelDevices.ipip,
      mtu: tunnelMtu('ipip', this.#options.mtus.ipip, this.#outer.mtu),
      address: this.#hosts.get(this.#options.hostname)?.ipipAddress,
      tunnel: { kind: 'ipip' },
    };
  }

  #vxlanDevice(kind: 'vxlan4' | 'vxlan6', family: Family): TunnelDevice | undefined {
    const endpoint = vxlanOf(this.#hosts.get(this.#options.hostname), family);
    const local = this.#localAddress(family);
    // Calico's start-up gives the node its addresses; until then there is nothing to make.
    if (endpoint === undefined || local === undefined) return undefined;
    const parent = this.#parents.get(family);
    if (parent === undefined) throw new Error(`no interface of this host has the node's address ${local}`);
    const { vni, port } = this.#options.vxlan;
    return {
      name: tunnelDevices[kind],
      mtu: tunnelMtu(kind, this.#options.mtus[kind], this.#outer.mtu),
      address: endpoint.address,
      tunnel: { kind: 'vxlan', vni, port, mac: endpoint.mac, local, deviceIndex: parent.index },
    };
  }

  #localAddress(family: Family): IpAddress | undefined {
    const own = this.#hosts.get(this.#options.hostname);
    return family === 4 ? own?.ipv4 : own?.ipv6;
  }

  #peers(family: Family) {
    return [...this.#hosts.values()].flatMap((host) => {
      const endpoint = vxlanOf(host, family);
      const underlay = family === 4 ? host.ipv4 : host.ipv6;
      if (host.hostname === this.#options.hostname || endpoint === undefined || underlay === undefined) return [];
      return [{ ...endpoint, underlay }];
    });
  }

  /** The kernel's route; `undefined` while its device is not there. */
  #specOf(destination: Cidr, target: RouteTarget): Omit<RouteSpec, 'destination'> | undefined {
    if (target.kind === 'blackhole') return { type: 'blackhole' };
    const family = familyOf(destination);
    const { gateway, kind } = target;
    if (kind === 'direct') {
      const parent = this.#parents.get(family);
      return parent && { gateway, interfaceIndex: parent.index };
    }
    const device = this.#devices.get(kind === 'ipip' ? 'ipip' : vxlanKinds[family]);
    return device && { gateway, interfaceIndex: device.index, onlink: true };
  }

  /** Whether somebody else's change concerns what is ours. */
  #isNews(event: RouteEvent): boolean {
    switch (event.object) {
      case 'route':
        return this.#options.withoutRoutes !== true && this.#isRouteNews(event);
      case 'link':
        return this.#isOtherLink(event.action, event.link);
      case 'address': {
        const { ip, interfaceIndex, scope } = event.address;
        // The kernel gives each device such an address by itself.
        if (scope === 'link') return false;
        const own = this.#hosts.get(this.#options.hostname);
        return ip === own?.ipv4 || ip === own?.ipv6 || this.#isDevice(interfaceIndex);
      }
      case 'neighbour':
        return this.#isDevice(event.neighbour.interfaceIndex) && this.#isPeerNews(event.neighbour);
      case 'forwarding-entry':
        return this.#isDevice(event.entry.interfaceIndex);
      case 'rule':
      case 'settings':
        return false;
    }
  }

  #isRouteNews(event: RouteEvent & { readonly object: 'route' }): boolean {
    const { route } = event;
    // One over another interface is of interest only where it takes the place of ours.
    if (this.#isForeign(route) && !this.#routes.has(route.destination)) return false;
    return this.#table.onEvent(event);
  }

  /** The kernel itself makes no permanent neighbours. */
  #isPeerNews({ family, ip, state }: Neighbour): boolean {
    return state === 'permanent' || this.#peers(family).some(({ address }) => address === ip);
  }

  /** What of ours the event is about; undefined where it is about the host's own interfaces and addresses. */
  #ownIn(event: RouteEvent): string | undefined {
    switch (event.object) {
      case 'route':
        return `route ${event.route.destination}`;
      case 'link':
        return deviceNames.has(event.link.name) ? `device ${event.link.name}` : undefined;
      case 'address':
        return this.#isDevice(event.address.interfaceIndex) ? `address ${event.address.ip}` : undefined;
      case 'neighbour':
        return `neighbour ${event.neighbour.ip}`;
      case 'forwarding-entry':
        return `forwarding entry ${event.entry.mac}`;
      case 'rule':
      case 'settings':
        return undefined;
    }
  }

  #isDevice(index: number): boolean {
    return [...this.#devices.values()].some((link) => link.index === index);
  }

  #isOtherLink(action: 'set' | 'delete', link: Link): boolean {
    const known = [...this.#devices.values(), ...this.#parents.values()].find(({ index }) => index === link.index);
    if (this.#outer.isNews(action, link)) return true;
    if (known === undefined) return action === 'set' && deviceNames.has(link.name);
    if (action === 'delete' || known.name !== link.name || !isSameVxlan(known.vxlan, link.vxlan)) return true;
    return known.up !== link.up || known.mtu !== link.mtu || known.mac !== link.mac;
  }

  /** Over workload interfaces, say, which may have routes of the same protocol. */
  #isForeign({ type, interfaceIndex }: Route): boolean {
    const known = [...this.#devices.values(), ...this.#parents.values()];
    return type !== 'blackhole' && !known.some(({ index }) => index === interfaceIndex);
  }
}

function vxlanOf(host: HostUpdate | undefined, family: Family): VxlanEndpoint | undefined {
  return family === 4 ? host?.vxlan4 : host?.vxlan6;
}

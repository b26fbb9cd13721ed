/**
 * WireGuard between nodes, for one address family: the device with its key and peers, a routing table with what goes
 * through it (and what goes past it), and the rule that leads packets there.
 *
 *   plan ─► device, address ─► peers ─► routes ─► rule
 *    ▲                                             │
 *    └──── events; the device's settings, which the kernel tells nobody of, are read every second
 *
 * The private key is made here and kept by the kernel alone, so that it outlives Felix and not the host; the public key
 * goes to the store. Where the kernel has no WireGuard the node stays without a key, and others send to it unencrypted.
 */
import { writeFileSync } from 'node:fs';
import { familyOf, type Family, type IpAddress, type NodeName, type WireguardKey } from '@calico-node/net';
import {
  deleteLink,
  type Link,
  NetlinkError,
  type NetnsRef,
  readSysctl,
  type RouteEvent,
  RouteMonitor,
  RouteSocket,
  type RouteSpec,
  writeSysctl,
} from '@calico-node/netlink';
import { type WireguardDevice, WireguardSocket } from '@calico-node/netlink/wireguard';
import type { Intent } from '../../calc/intents.ts';
import { errorText } from '../error-text.ts';
import { ForeignChanges } from '../foreign-changes.ts';
import { Retry } from '../retry.ts';
import { RouteTable } from '../routes/route-table.ts';
import { OuterLinks, tunnelMtu } from '../tunnels/mtu.ts';
import { ensureDevice, TunnelKindError } from '../tunnels/tunnel-device.ts';
import { ensureArpMark, isArpMarked, removeArpMark } from './arp-mark.ts';
import { peerChanges, peersOf } from './peer-changes.ts';
import { newPrivateKey } from './private-key.ts';
import { ensureRule, removeRules } from './routing-rule.ts';
import { WireguardPlan, type WantedRoute } from './wireguard-plan.ts';

export interface WireguardNetworkOptions {
  readonly netns?: NetnsRef;
  readonly hostname: NodeName;
  readonly family: Family;
  readonly interfaceName: string;
  readonly port: number;
  /** A bit of packets' marks, for what the device itself sends. */
  readonly mark: number;
  readonly table: number;
  readonly rulePriority: number;
  /** RTPROT_* of our routes and our rule. */
  readonly routeProtocol: number;
  /** 0: what fits the interfaces that lead out of the host. */
  readonly mtu: number;
  readonly mtuInterfaces: RegExp;
  readonly keepaliveSeconds: number;
  readonly encryptsHosts: boolean;
  /** Whether packets are worked on by threads of their own (WireguardThreadingEnabled). */
  readonly threading: boolean;
  /** Routes are somebody else's to make (RouteSyncDisabled). */
  readonly withoutRoutes?: boolean;
  /** The store has another public key for this node than the kernel, which has this one; `undefined`: none. */
  readonly onPublicKey: (key: WireguardKey | undefined) => void;
  /** Somebody else changed something of ours, named so, and it was put right. */
  readonly onRepair?: (what: readonly string[]) => void;
  readonly onDirty: () => void;
}

const POLL_MS = 1000;
const RETRY_MAX_MS = 5000;
const SRC_VALID_MARK = 'net.ipv4.conf.all.src_valid_mark';

export class WireguardNetwork implements Disposable {
  readonly #options: WireguardNetworkOptions;
  readonly #plan: WireguardPlan;
  readonly #socket: RouteSocket;
  readonly #monitor: RouteMonitor;
  readonly #table: RouteTable;
  readonly #poll: NodeJS.Timeout;
  #wireguard: WireguardSocket | undefined;
  #link: Link | undefined;
  #device: WireguardDevice | undefined;
  readonly #outer: OuterLinks;
  #isStale = true;
  /** Why the kernel cannot; looked at again at the next resync only. */
  #unsupported: string | undefined;
  readonly #retry: Retry;
  readonly #foreign: ForeignChanges;
  #writes = 0;

  constructor(options: WireguardNetworkOptions) {
    const { netns, hostname, family, encryptsHosts, routeProtocol, table } = options;
    this.#options = options;
    this.#outer = new OuterLinks(options.mtuInterfaces);
    this.#retry = new Retry(options.onDirty, RETRY_MAX_MS);
    this.#foreign = new ForeignChanges(options.onRepair);
    this.#plan = new WireguardPlan({ hostname, family, encryptsHosts });
    const where = netns === undefined ? {} : { netns };
    this.#monitor = RouteMonitor.open({
      ...where,
      groups: ['link', 'address', family === 4 ? 'ipv4-route' : 'ipv6-route', 'rule'],
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
    this.#table = new RouteTable(this.#socket, routeProtocol, table);
    this.#poll = setInterval(() => {
      this.#look();
    }, POLL_MS).unref();
  }

  get writes(): number {
    return this.#writes + this.#table.writes;
  }

  /** How often something was put right that somebody else had changed. */
  get repairs(): number {
    return this.#foreign.count;
  }

  /** What the kernel cannot do here, in words. */
  get unsupported(): string | undefined {
    return this.#unsupported;
  }

  /** The device with its peers as the kernel has it now. */
  readDevice(): WireguardDevice | undefined {
    return this.#link && this.#wireguard?.getDevice(this.#link.index);
  }

  update(intents: readonly Intent[]): void {
    const { hostname } = this.#options;
    for (const intent of intents) {
      this.#plan.update(intent);
      // Our own address or key may be another one.
      if (intent.type === 'host-update' && intent.hostname === hostname) this.#isStale = true;
    }
  }

  resync(): void {
    this.#unsupported = undefined;
    this.#isStale = true;
  }

  /** Makes it so. Gives what failed, one text each, which is tried again soon. */
  apply(): string[] {
    const problems: string[] = [];
    try {
      const touched = this.#plan.settle();
      if (this.#unsupported !== undefined) {
        this.#publish();
        return [];
      }
      if (this.#isStale) this.#refresh();
      else if (this.#device !== undefined) this.#setPeers(this.#device, touched.keys);
      const destinations = this.#isStale
        ? [...touched.destinations, ...this.#plan.destinations()]
        : touched.destinations;
      for (const destination of destinations) {
        this.#table.want(destination, this.#specOf(this.#plan.routeOf(destination)));
      }
      problems.push(...this.#table.apply());
      // Last, so that no packet looks into a table that is not complete.
      if (this.#isStale && problems.length === 0) this.#writes += ensureRule(this.#socket, this.#rule());
      this.#isStale = problems.length > 0;
      this.#publish();
    } catch (error) {
      if (error instanceof TunnelKindError) this.#giveUp(error);
      else {
        this.#isStale = true;
        problems.push(`${this.#options.interfaceName}: ${errorText(error)}`);
      }
    }
    if (problems.length > 0) this.#retry.failed();
    else {
      this.#retry.succeeded();
      this.#foreign.settle(this.writes);
    }
    return problems;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#poll);
    this.#retry[Symbol.dispose]();
    this.#monitor.close();
    this.#socket.close();
    this.#wireguard?.[Symbol.dispose]();
  }

  #rule() {
    const { family, rulePriority, table, mark, routeProtocol } = this.#options;
    return { family, priority: rulePriority, table, mark, protocol: routeProtocol };
  }

  /** Looks at everything anew, up to the peers; the routes are listed, to be compared. */
  #refresh(): void {
    const { netns, family, interfaceName, threading, mark } = this.#options;
    const where = netns === undefined ? {} : { netns };
    // What comes in encrypted is looked up with its mark, by the check of source addresses too.
    if (this.#marksArp()) {
      writeSysctl(SRC_VALID_MARK, 1, where);
      this.#writes += ensureArpMark({ ...where, mark });
    } else if (family === 4) this.#writes += removeArpMark(netns);
    this.#deleteRenamed();
    this.#outer.take(this.#socket.listLinks());
    const { link, writes } = ensureDevice(this.#socket, {
      name: interfaceName,
      mtu: this.#mtu(),
      address: this.#address(),
      tunnel: { kind: 'wireguard' },
    });
    this.#writes += writes;
    this.#link = link;
    if (threading) writeFileSync(`/sys/class/net/${interfaceName}/threaded`, '1');
    this.#wireguard ??= WireguardSocket.open(where);
    const device = this.#wireguard.getDevice(link.index);
    if (device === undefined) throw new Error('it is gone as soon as it was made');
    this.#setDevice(this.#wireguard, device);
    this.#setPeers(device, this.#allKeys(device));
    this.#table.list([family], () => this.#options.withoutRoutes === true);
  }

  /** Under another name, our device would keep the port. */
  #deleteRenamed(): void {
    const link = this.#link && this.#socket.getLink(this.#link.index);
    if (link?.kind !== 'wireguard' || link.name === this.#options.interfaceName) return;
    this.#socket.apply([deleteLink({ index: link.index })]);
    this.#writes += 1;
  }

  #setDevice(wireguard: WireguardSocket, device: WireguardDevice): void {
    const { port, mark } = this.#options;
    const change = {
      ...(device.publicKey === undefined ? { privateKey: newPrivateKey() } : {}),
      ...(device.listenPort === port ? {} : { listenPort: port }),
      ...(device.mark === mark ? {} : { mark }),
    };
    this.#writes += wireguard.setDevice(device.interfaceIndex, change);
    const isChanged = Object.keys(change).length > 0;
    this.#device = isChanged ? wireguard.getDevice(device.interfaceIndex) : device;
  }

  /** Brings these peers of the device to what they should be; the device is remembered as it is then. */
  #setPeers(device: WireguardDevice, keys: Iterable<WireguardKey>): void {
    const changes = this.#changesOf(device, keys);
    if (changes.length === 0 || this.#wireguard === undefined) return;
    this.#writes += this.#wireguard.setDevice(device.interfaceIndex, { peers: changes });
    this.#device = this.#wireguard.getDevice(device.interfaceIndex);
  }

  #allKeys(device: WireguardDevice): readonly WireguardKey[] {
    return [...this.#plan.peers().keys(), ...peersOf(device).keys()];
  }

  #changesOf(device: WireguardDevice, keys: Iterable<WireguardKey>) {
    return peerChanges(keys, (key) => this.#plan.peerOf(key), peersOf(device), this.#options);
  }

  #address(): IpAddress | undefined {
    const { own } = this.#plan;
    const address = this.#plan.endOf(own)?.address;
    if (address !== undefined || !this.#options.encryptsHosts) return address;
    return this.#options.family === 4 ? own?.ipv4 : own?.ipv6;
  }

  #specOf(route: WantedRoute | undefined): Omit<RouteSpec, 'destination'> | undefined {
    if (route === undefined || this.#options.withoutRoutes === true) return undefined;
    if (route === 'throw') return { type: 'throw' };
    return this.#link && { interfaceIndex: this.#link.index };
  }

  #publish(): void {
    const { own } = this.#plan;
    const publicKey = this.#unsupported === undefined ? this.#device?.publicKey : undefined;
    if (own !== undefined && this.#plan.endOf(own)?.publicKey !== publicKey) this.#options.onPublicKey(publicKey);
  }

  /** The kernel has no WireGuard: nothing may lead where there is none. */
  #giveUp(error: TunnelKindError): void {
    this.#unsupported = `${this.#options.interfaceName}: ${error.message}`;
    this.#isStale = false;
    this.#link = undefined;
    this.#device = undefined;
    this.#writes += removeRules(this.#socket, this.#options);
    this.#publish();
  }

  /** What others did to the device and the host's settings, which the kernel tells nobody of. */
  #look(): void {
    if (this.#isStale || this.#link === undefined) return;
    const changed = this.#changedInDevice() ?? (this.#isHostAsSet() ? undefined : 'marks of ARP');
    if (changed === undefined) return;
    this.#foreign.add(`${changed} of ${this.#options.interfaceName}`);
    this.#isStale = true;
    this.#options.onDirty();
  }

  #changedInDevice(): string | undefined {
    const { port, mark } = this.#options;
    let device: WireguardDevice | undefined;
    try {
      device = this.readDevice();
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
    }
    if (device === undefined) return 'device';
    if (device.listenPort !== port) return 'port';
    if (device.mark !== mark) return 'mark';
    if (device.publicKey !== this.#device?.publicKey) return 'key';
    // A peer's endpoint follows the peer; the next resync brings it back.
    const changes = this.#changesOf(device, this.#allKeys(device));
    const isChanged = changes.some((change) => change.remove === true || change.allowedIps !== undefined);
    return isChanged ? 'peers' : undefined;
  }

  #marksArp(): boolean {
    return this.#options.family === 4 && this.#options.encryptsHosts;
  }

  #isHostAsSet(): boolean {
    const { netns, mark } = this.#options;
    const where = netns === undefined ? {} : { netns };
    return !this.#marksArp() || (readSysctl(SRC_VALID_MARK, where) === '1' && isArpMarked({ ...where, mark }));
  }

  /** Whether somebody else's change concerns what is ours. */
  #isNews(event: RouteEvent): boolean {
    const { family, table } = this.#options;
    switch (event.object) {
      case 'route':
        return this.#table.onEvent(event);
      case 'rule':
        return event.rule.family === family && event.rule.table === table;
      case 'address': {
        const { interfaceIndex, ip, scope } = event.address;
        return interfaceIndex === this.#link?.index && familyOf(ip) === family && scope !== 'link';
      }
      case 'link':
        return this.#isOtherLink(event.action, event.link);
      default:
        return false;
    }
  }

  /** What of ours the event is about; undefined where it is about the host's own interfaces. */
  #ownIn(event: RouteEvent): string | undefined {
    const { table, interfaceName } = this.#options;
    switch (event.object) {
      case 'route':
        return `route ${event.route.destination} in table ${table}`;
      case 'rule':
        return `routing rule into table ${table}`;
      case 'address':
        return `address ${event.address.ip} of ${interfaceName}`;
      case 'link':
        return event.link.index === this.#link?.index ? `device ${interfaceName}` : undefined;
      default:
        return undefined;
    }
  }

  #isOtherLink(action: 'set' | 'delete', link: Link): boolean {
    const { interfaceName } = this.#options;
    if (this.#outer.isNews(action, link)) return true;
    if (link.index !== this.#link?.index) return action === 'set' && link.name === interfaceName;
    return action === 'delete' || !link.up || link.mtu !== this.#link.mtu || link.name !== interfaceName;
  }

  #mtu(): number {
    const { family, mtu } = this.#options;
    return tunnelMtu(family === 4 ? 'wireguard4' : 'wireguard6', mtu, this.#outer.mtu);
  }
}

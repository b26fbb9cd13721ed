/**
 * Has the host answer ARP and neighbour discovery for workloads, and for services' addresses outside the cluster, that
 * lie in the subnet of one of its own interfaces, so that whoever is on that link reaches them without a route
 * (LocalSubnetL2Reachability).
 *
 *   endpoints, pools ─────┐
 *   services, nodes ──────┼─► proxy neighbours of the kernel (protocol 80) ─► new ones, and all now and then: announced
 *   own interfaces ───────┘   for IPv4 services: ArpResponder
 *
 * The kernel answers where it can; we tell neighbours that remember another host's hardware address.
 */
import {
  cidrContains,
  cidrOf,
  compareCidr,
  familyOf,
  type Cidr,
  type IpAddress,
  type NodeName,
} from '@calico-node/net';
import {
  deleteNeighbour,
  type Link,
  type NetnsRef,
  replaceNeighbour,
  RouteMonitor,
  routeProtocol,
  RouteSocket,
  writeSysctl,
} from '@calico-node/netlink';
import { FrameSender } from '@calico-node/netlink/inject';
import type { Intent } from '../../calc/intents.ts';
import { errorText } from '../error-text.ts';
import { Repairs } from '../repairs.ts';
import { isOwnInterface } from './host-interfaces.ts';
import { encodeAnnouncement } from './announcement.ts';
import { ArpResponder } from './arp-responder.ts';
import type { Moves } from './migration-routing.ts';
import { ReachableAddresses } from './reachable-addresses.ts';

export interface LocalReachabilityOptions {
  readonly hostname: NodeName;
  readonly netns?: NetnsRef;
  /** Starts of the names of workload interfaces, which are none of the host's own. */
  readonly prefixes: readonly string[];
  /** Nor are these (InterfaceExclude). */
  readonly excluded?: readonly RegExp[];
  /** Somebody else took away what the kernel answers for, and it was put right. */
  readonly onRepair?: (what: readonly string[]) => void;
  /** The kernel changed: apply soon. */
  readonly onDirty: () => void;
}

/** An interface that leads to a link of the host. */
interface Attachment {
  readonly link: Link;
  readonly subnet: Cidr;
}

/** An address that the host answers for on a link. */
interface Answer {
  readonly link: Link;
  readonly ip: IpAddress;
}

export class LocalReachability implements Disposable {
  readonly #options: LocalReachabilityOptions;
  readonly #socket: RouteSocket;
  readonly #monitor: RouteMonitor;
  readonly #addresses: ReachableAddresses;
  /** What the kernel answers for, by interface and address. */
  readonly #answered = new Map<string, Answer>();
  /** What we have had the kernel answer for. */
  readonly #made = new Set<string>();
  readonly #repairs: Repairs;
  /** What we answer for ourselves, likewise. */
  #announced: ReadonlyMap<string, Answer> = new Map();
  /** By the interface's index. */
  readonly #responders = new Map<number, ArpResponder>();
  #attachments: readonly Attachment[] = [];
  #isDirty = true;
  #needsList = true;
  #writes = 0;

  constructor(options: LocalReachabilityOptions) {
    this.#options = options;
    this.#addresses = new ReachableAddresses(options.hostname);
    this.#repairs = new Repairs(options.onRepair);
    const where = options.netns === undefined ? {} : { netns: options.netns };
    const touch = (): void => {
      this.resync();
      options.onDirty();
    };
    this.#monitor = RouteMonitor.open({
      ...where,
      groups: ['link', 'address'],
      onEvent: (event) => {
        const index = event.object === 'address' ? event.address.interfaceIndex : undefined;
        const isOwn = event.object === 'link' && isOwnInterface(event.link.name, options);
        if (event.object === 'link' && !event.link.up) this.#onDown(event.link.index);
        if (isOwn || (index !== undefined && !this.#needsList)) touch();
      },
      onOverrun: touch,
    });
    this.#socket = RouteSocket.open(where);
  }

  get writes(): number {
    return this.#writes;
  }

  /** How often what somebody else had changed was put right. */
  get repairs(): number {
    return this.#repairs.count;
  }

  update(intents: readonly Intent[]): void {
    if (this.#addresses.update(intents)) this.#isDirty = true;
  }

  /** All addresses that services have outside the cluster, of which this host answers for its share. */
  setServices(addresses: readonly IpAddress[]): void {
    this.#addresses.setServices(addresses);
    this.#isDirty = true;
    this.#options.onDirty();
  }

  /** All moves of virtual machines, as they are now. */
  setMoves(moves: Moves): void {
    if (!this.#addresses.setMoves(moves)) return;
    this.#isDirty = true;
    this.#options.onDirty();
  }

  /** Reads the kernel anew at the next `apply`. */
  resync(): void {
    this.#needsList = true;
    this.#isDirty = true;
  }

  /** Makes it so. Gives what failed, one text each, which is tried again at the next. */
  apply(): string[] {
    if (!this.#isDirty) return [];
    this.#isDirty = false;
    try {
      if (this.#needsList) this.#list();
      const problems = this.#applyAnswers();
      this.#applyResponders();
      return problems;
    } catch (error) {
      this.resync();
      return [errorText(error)];
    }
  }

  /** Tells the links once more where all of them are. */
  announce(): void {
    this.#announce([...this.#answered.values(), ...this.#announced.values()]);
  }

  [Symbol.dispose](): void {
    for (const responder of this.#responders.values()) responder[Symbol.dispose]();
    this.#monitor.close();
    this.#socket.close();
  }

  /** The kernel answers for nobody any more there. */
  #onDown(index: number): void {
    for (const key of this.#made) if (key.startsWith(`${index} `)) this.#made.delete(key);
  }

  #list(): void {
    this.#needsList = false;
    const links = new Map(
      this.#socket
        .listLinks()
        .filter((link) => link.up && link.mac !== undefined && isOwnInterface(link.name, this.#options))
        .map((link) => [link.index, link]),
    );
    this.#attachments = this.#socket
      .listAddresses()
      .filter(({ ip, prefixLength, scope }) => scope === 'universe' && prefixLength < (familyOf(ip) === 4 ? 32 : 128))
      .flatMap(({ interfaceIndex, ip, prefixLength }) => {
        const link = links.get(interfaceIndex);
        return link === undefined ? [] : [{ link, subnet: cidrOf(ip, prefixLength) }];
      })
      .sort((a, b) => a.link.index - b.link.index || compareCidr(a.subnet, b.subnet));
    this.#answered.clear();
    for (const { ip, interfaceIndex, protocol } of this.#socket.listNeighbours({ isProxy: true })) {
      const link = links.get(interfaceIndex);
      if (protocol === routeProtocol.felix && link !== undefined) this.#answered.set(keyOf(link, ip), { link, ip });
    }
    for (const { link, subnet } of this.#attachments) this.#prepare(link, familyOf(subnet));
  }

  /** The kernel answers for others at once, not after a while, and for IPv6 at all. */
  #prepare({ name }: Link, family: 4 | 6): void {
    const where = this.#options.netns === undefined ? {} : { netns: this.#options.netns };
    writeSysctl(`net/ipv${family}/neigh/${name}/proxy_delay`, '0', where);
    if (family === 6) writeSysctl(`net/ipv6/conf/${name}/proxy_ndp`, '1', where);
  }

  #applyAnswers(): string[] {
    const { workloads, services } = this.#addresses;
    const wanted = this.#answersFor([...workloads, ...services.filter((ip) => familyOf(ip) === 6)]);
    const gone = [...this.#answered].filter(([key]) => !wanted.has(key));
    const missing = [...wanted].filter(([key]) => !this.#answered.has(key));
    const requests = [
      ...gone.map(([, { link, ip }]) => deleteNeighbour({ interfaceIndex: link.index, ip, isProxy: true })),
      ...missing.map(([, { link, ip }]) =>
        replaceNeighbour({ interfaceIndex: link.index, ip, isProxy: true, protocol: routeProtocol.felix }),
      ),
    ];
    for (const key of this.#made) if (!wanted.has(key)) this.#made.delete(key);
    if (requests.length === 0) return [];
    const outcome = this.#socket.execute(requests);
    this.#writes += requests.length;
    const problems = outcome.flatMap((error, index) => {
      const isGone = index < gone.length && (error?.code === 'ENOENT' || error?.code === 'ENODEV');
      return error === undefined || isGone ? [] : [error.message];
    });
    for (const [key] of gone) this.#answered.delete(key);
    const made = missing.filter((_, index) => outcome[gone.length + index] === undefined);
    // The kernel tells nobody that it answers no more.
    const lost = made.filter(([key]) => this.#made.has(key));
    this.#repairs.found(lost.map(([, { link, ip }]) => `neighbour ${ip} that ${link.name} answers for`));
    for (const [key, answer] of made) {
      this.#answered.set(key, answer);
      this.#made.add(key);
    }
    if (problems.length > 0) this.resync();
    this.#announce(made.map(([, answer]) => answer));
    return problems;
  }

  #applyResponders(): void {
    const wanted = this.#answersFor(this.#addresses.services.filter((ip) => familyOf(ip) === 4));
    const links = new Map([...wanted.values()].map(({ link }) => [link.index, link]));
    for (const [index, responder] of this.#responders) {
      if (links.get(index)?.mac === responder.mac) continue;
      responder[Symbol.dispose]();
      this.#responders.delete(index);
    }
    for (const [index, { mac }] of links) {
      if (mac === undefined) continue;
      const responder = this.#responders.get(index) ?? new ArpResponder(index, mac, this.#options.netns);
      this.#responders.set(index, responder);
      const own = [...wanted.values()].filter(({ link }) => link.index === index);
      responder.addresses = new Set(own.map(({ ip }) => ip));
    }
    const before = this.#announced;
    this.#announced = wanted;
    this.#announce([...wanted].flatMap(([key, answer]) => (before.has(key) ? [] : [answer])));
  }

  /** On every link that an address belongs to. */
  #answersFor(addresses: readonly IpAddress[]): ReadonlyMap<string, Answer> {
    return new Map(
      addresses.flatMap((ip) =>
        this.#attachments
          .filter(({ subnet }) => cidrContains(subnet, ip))
          .map(({ link }) => [keyOf(link, ip), { link, ip }] as const),
      ),
    );
  }

  #announce(answers: readonly Answer[]): void {
    const links = new Map(answers.map(({ link }) => [link.index, link]));
    for (const link of links.values()) {
      const own = answers.filter((answer) => answer.link.index === link.index);
      if (link.mac === undefined) continue;
      try {
        const { netns } = this.#options;
        using sender = new FrameSender(link.index, netns === undefined ? {} : { netns });
        for (const { ip } of own) sender.send(encodeAnnouncement(ip, link.mac));
      } catch {
        // The link is going away; who remembers another address asks again in time.
      }
    }
  }
}

function keyOf(link: Link, ip: IpAddress): string {
  return `${link.index} ${ip}`;
}

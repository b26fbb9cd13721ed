/**
 * Has the host answer ARP and neighbour discovery for workloads whose addresses lie in the subnet of one of its own
 * interfaces, so that whoever is on that link reaches them without a route (LocalSubnetL2Reachability).
 *
 *   endpoints ─► addresses ──┐
 *                            ├─► proxy neighbours of the kernel (protocol 80) ─► new ones, and all now and then: announced
 *   host's own interfaces ───┘
 *
 * The kernel answers; we tell neighbours that remember another host's hardware address.
 */
import { cidrContains, cidrOf, compareCidr, familyOf, splitCidr, type Cidr, type IpAddress } from '@calico-node/net';
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
import type { WorkloadEndpointId } from '../../calc/endpoint-id.ts';
import type { Intent } from '../../calc/intents.ts';
import { isOwnInterface } from './host-interfaces.ts';
import { encodeAnnouncement } from './announcement.ts';

export interface LocalReachabilityOptions {
  readonly netns?: NetnsRef;
  /** Starts of the names of workload interfaces, which are none of the host's own. */
  readonly prefixes: readonly string[];
  /** Nor are these (InterfaceExclude). */
  readonly excluded?: readonly RegExp[];
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
  readonly #addresses = new Map<WorkloadEndpointId, readonly Cidr[]>();
  /** What the kernel answers for, by interface and address. */
  readonly #answered = new Map<string, Answer>();
  #attachments: readonly Attachment[] = [];
  #isDirty = true;
  #needsList = true;
  #writes = 0;

  constructor(options: LocalReachabilityOptions) {
    this.#options = options;
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
        if (isOwn || (index !== undefined && !this.#needsList)) touch();
      },
      onOverrun: touch,
    });
    this.#socket = RouteSocket.open(where);
  }

  get writes(): number {
    return this.#writes;
  }

  update(intents: readonly Intent[]): void {
    for (const intent of intents) {
      if (intent.type === 'workload-endpoint-update') {
        const { adminUp, addresses } = intent.endpoint;
        this.#addresses.set(intent.id, adminUp ? addresses : []);
        this.#isDirty = true;
      } else if (intent.type === 'workload-endpoint-remove') {
        this.#addresses.delete(intent.id);
        this.#isDirty = true;
      }
    }
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
      return this.#applyAnswers();
    } catch (error) {
      this.resync();
      return [error instanceof Error ? error.message : String(error)];
    }
  }

  /** Tells the links once more where the workloads are. */
  announce(): void {
    this.#announce([...this.#answered.values()]);
  }

  [Symbol.dispose](): void {
    this.#monitor.close();
    this.#socket.close();
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
    const wanted = new Map<string, Answer>();
    for (const cidr of [...this.#addresses.values()].flat()) {
      const { ip } = splitCidr(cidr);
      const link = this.#attachments.find(({ subnet }) => cidrContains(subnet, ip))?.link;
      if (link !== undefined) wanted.set(keyOf(link, ip), { link, ip });
    }
    const gone = [...this.#answered].filter(([key]) => !wanted.has(key));
    const missing = [...wanted].filter(([key]) => !this.#answered.has(key));
    const requests = [
      ...gone.map(([, { link, ip }]) => deleteNeighbour({ interfaceIndex: link.index, ip, isProxy: true })),
      ...missing.map(([, { link, ip }]) =>
        replaceNeighbour({ interfaceIndex: link.index, ip, isProxy: true, protocol: routeProtocol.felix }),
      ),
    ];
    if (requests.length === 0) return [];
    const outcome = this.#socket.execute(requests);
    this.#writes += requests.length;
    const problems = outcome.flatMap((error, index) => {
      const isGone = index < gone.length && (error?.code === 'ENOENT' || error?.code === 'ENODEV');
      return error === undefined || isGone ? [] : [error.message];
    });
    for (const [key] of gone) this.#answered.delete(key);
    const made = missing.filter((_, index) => outcome[gone.length + index] === undefined);
    for (const [key, answer] of made) this.#answered.set(key, answer);
    if (problems.length > 0) this.resync();
    this.#announce(made.map(([, answer]) => answer));
    return problems;
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

import { familyOf, hostCidr, parseCidr, type Cidr, type IpAddress, type Mac } from '@calico-node/net';
import {
  addAddress,
  deleteAddress,
  replaceNeighbour,
  replaceRoute,
  RouteSocket,
  setLink,
  type NetlinkRequest,
  type Netns,
} from '@calico-node/netlink';
import { applyTolerant, configureHostEnd, hostMac, ipv4Gateway, type Families } from './host-end.ts';
import { openWorkloadNetns } from './namespace.ts';
import { ensurePair, makePair, type Pair } from './pair.ts';
import { applySettings, forwardingSettings, workloadSettingsBeforeUp } from './sysctls.ts';

/** What has to be known of an interface before its addresses are. */
export interface WiringSpec {
  /** Path of the workload's network namespace. */
  readonly netns: string;
  /** The host's end. */
  readonly hostName: string;
  /** The workload's end. */
  readonly workloadName: string;
  readonly mtu: number;
  /** Transmit and receive queues of each end; 1 when absent. */
  readonly queues?: number;
  /** The workload's end's; the kernel chooses one when absent. */
  readonly mac?: Mac;
  /** What the names of our interfaces on the host start with. */
  readonly prefixes: readonly string[];
}

/** What a workload's network is like, whatever its addresses. */
export interface NetworkSpec {
  /** Where the workload may go through its interface; everywhere when absent. */
  readonly routes?: readonly Cidr[];
  /** Whether the workload may forward packets itself. */
  readonly forwards?: boolean;
}

export interface AddressSpec extends NetworkSpec {
  readonly addresses: readonly IpAddress[];
}

export type AttachSpec = WiringSpec & AddressSpec;

export interface Attached {
  readonly mac: Mac;
  readonly mtu: number;
}

const everywhere = [parseCidr('0.0.0.0/0'), parseCidr('::/0')];

function routesInside(index: number, spec: NetworkSpec, families: Families, gateway6: IpAddress): NetlinkRequest[] {
  const routes = spec.routes === undefined || spec.routes.length === 0 ? everywhere : spec.routes;
  const via = (family: 4 | 6, gateway: IpAddress): NetlinkRequest[] =>
    routes
      .filter((destination) => familyOf(destination) === family)
      .map((destination) => replaceRoute({ destination, gateway, interfaceIndex: index }));
  // The host's proxy ARP answers only while the host has a route to the gateway by another interface, which a host
  // without a default route has not: so the workload is told the host's MAC.
  const onLink = replaceRoute({ destination: hostCidr(ipv4Gateway), interfaceIndex: index, scope: 'link' });
  const neighbour = replaceNeighbour({ interfaceIndex: index, ip: ipv4Gateway, mac: hostMac, state: 'permanent' });
  return [
    ...(families.ipv4 ? [onLink, neighbour, ...via(4, ipv4Gateway)] : []),
    ...(families.ipv6 ? via(6, gateway6) : []),
  ];
}

function addressesInside(index: number, wanted: readonly IpAddress[]): NetlinkRequest[] {
  return wanted.map((ip) =>
    addAddress({ interfaceIndex: index, ip, prefixLength: familyOf(ip) === 4 ? 32 : 128, skipsDad: true }),
  );
}

/** A workload's interface under way: its two ends belong together, and have no addresses yet. */
export class Wiring implements Disposable {
  readonly #spec: WiringSpec;
  readonly #netns: Netns;
  #hostSocket: RouteSocket | undefined;
  #workloadSocket: RouteSocket | undefined;
  #pair: Pair | undefined;
  /** What it has been prepared for. */
  #families: Families | undefined;

  private constructor(spec: WiringSpec) {
    this.#spec = spec;
    this.#netns = openWorkloadNetns(spec.netns);
  }

  get #host(): RouteSocket {
    return (this.#hostSocket ??= RouteSocket.open());
  }

  get #workload(): RouteSocket {
    return (this.#workloadSocket ??= RouteSocket.open({ netns: this.#netns }));
  }

  /**
   * Makes the veth pair, with the workload's end in its namespace. What is there already is kept.
   *
   * @throws WireError, NetlinkError
   */
  static async begin(spec: WiringSpec): Promise<Wiring> {
    const wiring = new Wiring(spec);
    try {
      const wanted = { ...spec, hostMac, workloadMac: spec.mac };
      wiring.#pair = await ensurePair(wiring.#host, wiring.#workload, wiring.#netns, wanted);
      return wiring;
    } catch (error) {
      wiring.close();
      throw error;
    }
  }

  /**
   * For a workload of which nothing is there: {@link create} makes the veth pair. Until then only its namespace is
   * looked at.
   *
   * @throws WireError
   */
  static openNew(spec: WiringSpec): Wiring {
    return new Wiring(spec);
  }

  /** Makes the veth pair. False, and nothing is touched, when either end's name is taken. @throws NetlinkError */
  create(): boolean {
    const wanted = { ...this.#spec, hostMac, workloadMac: this.#spec.mac };
    this.#pair = makePair(this.#host, this.#workload, this.#netns, wanted);
    return this.#pair !== undefined;
  }

  /**
   * Brings both ends up as they are, without addresses: for who asks for those over the interface itself.
   *
   * @throws NetlinkError
   */
  bringUp(): void {
    const { host, workload } = this.#made();
    this.#host.apply([setLink({ index: host.index, up: true })]);
    this.#workload.apply([setLink({ index: workload.index, up: true })]);
  }

  /**
   * Does all that can be done for addresses of these families before they are known: brings both ends up, with the
   * link-local gateway and the workload's routes.
   *
   * @throws NetlinkError
   */
  prepare(network: NetworkSpec, families: Families): void {
    const pair = this.#made();
    const { workloadName, mtu, mac } = this.#spec;
    const { index } = pair.workload;
    applySettings(
      [
        ...workloadSettingsBeforeUp(workloadName, families.ipv6),
        ...forwardingSettings(families, network.forwards ?? false),
      ],
      this.#netns,
    );
    // The workload's end first: so the host's has a carrier from the moment it is up, and Felix need not hear of it
    // later, when the kernel gets round to telling.
    this.#workload.apply([
      setLink(pair.isNew ? { index, up: true } : { index, up: true, mtu, ...(mac === undefined ? {} : { mac }) }),
    ]);
    const gateway6 = configureHostEnd(this.#host, pair, mtu, families);
    this.#workload.apply(routesInside(index, network, families, gateway6));
    this.#families = families;
  }

  /**
   * Brings both ends up, and gives the workload its addresses as /32 and /128 and the link-local gateway. May be
   * repeated. The host's routes to the addresses are not made here: Felix makes them when the workload's policy is
   * in the kernel.
   *
   * @throws NetlinkError
   */
  complete(spec: AddressSpec): Attached {
    const pair = this.#made();
    const { workloadName, mtu, mac, netns: path } = this.#spec;
    const families: Families = {
      ipv4: spec.addresses.some((ip) => familyOf(ip) === 4),
      ipv6: spec.addresses.some((ip) => familyOf(ip) === 6),
    };
    const isPrepared = this.#families?.ipv4 === families.ipv4 && this.#families.ipv6 === families.ipv6;
    if (!isPrepared) this.prepare(spec, families);
    const { index } = pair.workload;
    const foreign = pair.isNew
      ? []
      : this.#workload
          .listAddresses({ interfaceIndex: index })
          .filter((address) => address.scope !== 'link' && !spec.addresses.includes(address.ip));
    // With its last address an interface loses its routes: the old ones go after the new ones came.
    applyTolerant(this.#workload, [
      ...addressesInside(index, spec.addresses),
      ...foreign.map((address) => deleteAddress(address)),
    ]);
    const settled = pair.isNew ? (mac ?? pair.workload.mac) : this.#workload.getLink(index)?.mac;
    if (settled === undefined) throw new Error(`${workloadName} has vanished from ${path}`);
    return { mac: settled, mtu };
  }

  close(): void {
    this.#workloadSocket?.close();
    this.#hostSocket?.close();
    this.#netns.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #made(): Pair {
    if (this.#pair === undefined) throw new Error(`${this.#spec.workloadName} has not been made`);
    return this.#pair;
  }
}

/**
 * Gives a workload its interface, from nothing or from whatever of it is there, so that an attach may be repeated or
 * taken up where another was interrupted.
 *
 * @throws WireError, NetlinkError
 */
export async function attachInterface(spec: AttachSpec): Promise<Attached> {
  using wiring = await Wiring.begin(spec);
  return wiring.complete(spec);
}

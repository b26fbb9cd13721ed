/**
 * What a host's WireGuard device should know, and what should go through it. Pure.
 *
 *   nodes: keys, addresses ─┐
 *                           ├─► touched hosts ─► peers by key, destinations: through the device, or past it
 *   owners of destinations ─┘
 *
 * A host is a peer when it has an address, a key, and the key is no other's. What hosts have that are no peers goes past
 * the device, unencrypted, as Calico does; so does what is on this host.
 */
import {
  familyOf,
  hostCidr,
  type Cidr,
  type Family,
  type IpAddress,
  type NodeName,
  type WireguardKey,
} from '@calico-node/net';
import type { HostUpdate, Intent, WireguardEnd } from '../../calc/intents.ts';

export interface WireguardPlanOptions {
  readonly hostname: NodeName;
  readonly family: Family;
  /** The hosts' own addresses are among what they have (WireguardHostEncryptionEnabled). */
  readonly encryptsHosts: boolean;
}

/** Another host, as the device should know it. */
export interface WantedPeer {
  readonly host: NodeName;
  readonly ip: IpAddress;
  readonly allowedIps: ReadonlySet<Cidr>;
}

/** Where packets for a destination go: into the device, or on to the main routing table. */
export type WantedRoute = 'device' | 'throw';

/** What has to be looked at again. */
export interface TouchedPlan {
  readonly keys: ReadonlySet<WireguardKey>;
  readonly destinations: ReadonlySet<Cidr>;
}

interface Settled {
  readonly peer: { readonly key: WireguardKey; readonly ip: IpAddress } | undefined;
  readonly destinations: ReadonlySet<Cidr>;
}

const nothing: Settled = { peer: undefined, destinations: new Set() };

export class WireguardPlan {
  readonly #options: WireguardPlanOptions;
  readonly #hosts = new Map<NodeName, HostUpdate>();
  readonly #hostsByKey = new Map<WireguardKey, Set<NodeName>>();
  readonly #ownerOf = new Map<Cidr, NodeName>();
  readonly #ownedBy = new Map<NodeName, Set<Cidr>>();
  readonly #touched = new Set<NodeName>();
  /** As of the last `settle`. */
  readonly #settled = new Map<NodeName, Settled>();
  readonly #holders = new Map<Cidr, Set<NodeName>>();

  constructor(options: WireguardPlanOptions) {
    this.#options = options;
  }

  /** This host as the store has it; `undefined` until it is known. */
  get own(): HostUpdate | undefined {
    return this.#hosts.get(this.#options.hostname);
  }

  update(intent: Intent): void {
    switch (intent.type) {
      case 'host-update':
        this.#setHost(intent.hostname, intent);
        return;
      case 'host-remove':
        this.#setHost(intent.hostname, undefined);
        return;
      case 'owner-update':
        this.#setOwner(intent.destination, intent.host);
        return;
      case 'owner-remove':
        this.#setOwner(intent.destination, undefined);
        return;
      default:
        return;
    }
  }

  /** Takes in what changed since the last time, and tells which peers and destinations that concerns. */
  settle(): TouchedPlan {
    const keys = new Set<WireguardKey>();
    const destinations = new Set<Cidr>();
    for (const host of this.#touched) {
      const before = this.#settled.get(host) ?? nothing;
      const after = this.#describe(host);
      for (const destination of before.destinations) {
        if (!after.destinations.has(destination)) this.#hold(destination, host, false);
      }
      for (const destination of after.destinations) this.#hold(destination, host, true);
      const isRerouted = (before.peer === undefined) !== (after.peer === undefined);
      for (const destination of before.destinations) {
        if (isRerouted || !after.destinations.has(destination)) destinations.add(destination);
      }
      for (const destination of after.destinations) {
        if (isRerouted || !before.destinations.has(destination)) destinations.add(destination);
      }
      if (before.peer !== undefined) keys.add(before.peer.key);
      if (after.peer !== undefined) keys.add(after.peer.key);
      if (after.peer === undefined && after.destinations.size === 0) this.#settled.delete(host);
      else this.#settled.set(host, after);
    }
    this.#touched.clear();
    return { keys, destinations };
  }

  /** As settled. */
  peers(): ReadonlyMap<WireguardKey, WantedPeer> {
    return new Map(
      [...this.#settled.values()].flatMap(({ peer }) => {
        if (peer === undefined) return [];
        const wanted = this.peerOf(peer.key);
        return wanted === undefined ? [] : [[peer.key, wanted] as const];
      }),
    );
  }

  peerOf(key: WireguardKey): WantedPeer | undefined {
    for (const host of this.#hostsByKey.get(key) ?? []) {
      const settled = this.#settled.get(host);
      if (settled?.peer?.key !== key) continue;
      const allowedIps = [...settled.destinations].filter((destination) => this.#holderOf(destination) === host);
      return { host, ip: settled.peer.ip, allowedIps: new Set(allowedIps) };
    }
    return undefined;
  }

  destinations(): Iterable<Cidr> {
    return this.#holders.keys();
  }

  routeOf(destination: Cidr): WantedRoute | undefined {
    const host = this.#holderOf(destination);
    if (host === undefined) return undefined;
    return this.#settled.get(host)?.peer === undefined ? 'throw' : 'device';
  }

  /** What the node says of its own or another's device of this family. */
  endOf(host: HostUpdate | undefined): WireguardEnd | undefined {
    return this.#options.family === 4 ? host?.wireguard4 : host?.wireguard6;
  }

  #addressOf(host: HostUpdate): IpAddress | undefined {
    return this.#options.family === 4 ? host.ipv4 : host.ipv6;
  }

  #setHost(name: NodeName, host: HostUpdate | undefined): void {
    const before = this.endOf(this.#hosts.get(name))?.publicKey;
    const after = this.endOf(host)?.publicKey;
    if (host === undefined) this.#hosts.delete(name);
    else this.#hosts.set(name, host);
    this.#touched.add(name);
    if (before === after) return;
    if (before !== undefined) {
      const sharers = this.#hostsByKey.get(before);
      sharers?.delete(name);
      if (sharers?.size === 0) this.#hostsByKey.delete(before);
      for (const sharer of sharers ?? []) this.#touched.add(sharer);
    }
    if (after !== undefined) {
      const sharers = this.#hostsByKey.get(after) ?? new Set<NodeName>();
      for (const sharer of sharers) this.#touched.add(sharer);
      this.#hostsByKey.set(after, sharers.add(name));
    }
  }

  #setOwner(destination: Cidr, host: NodeName | undefined): void {
    const before = this.#ownerOf.get(destination);
    if (before === host || familyOf(destination) !== this.#options.family) return;
    if (before !== undefined) {
      this.#ownedBy.get(before)?.delete(destination);
      this.#touched.add(before);
    }
    if (host === undefined) {
      this.#ownerOf.delete(destination);
      return;
    }
    this.#ownerOf.set(destination, host);
    this.#ownedBy.set(host, (this.#ownedBy.get(host) ?? new Set<Cidr>()).add(destination));
    this.#touched.add(host);
  }

  #describe(name: NodeName): Settled {
    const { hostname, family, encryptsHosts } = this.#options;
    const owned = this.#ownedBy.get(name) ?? [];
    const host = this.#hosts.get(name);
    if (host === undefined || name === hostname) return { peer: undefined, destinations: new Set(owned) };
    const ip = this.#addressOf(host);
    const key = this.endOf(host)?.publicKey;
    const isAlone = key !== undefined && this.#hostsByKey.get(key)?.size === 1;
    const tunnels = family === 4 ? [host.vxlan4?.address, host.ipipAddress] : [host.vxlan6?.address];
    const addresses = [...tunnels, this.endOf(host)?.address, ...(encryptsHosts ? [ip] : [])];
    return {
      peer: isAlone && ip !== undefined ? { key, ip } : undefined,
      destinations: new Set([
        ...owned,
        ...addresses.flatMap((address) => (address === undefined ? [] : [hostCidr(address)])),
      ]),
    };
  }

  #hold(destination: Cidr, host: NodeName, isHeld: boolean): void {
    const holders = this.#holders.get(destination) ?? new Set<NodeName>();
    if (isHeld) holders.add(host);
    else holders.delete(host);
    if (holders.size === 0) this.#holders.delete(destination);
    else this.#holders.set(destination, holders);
  }

  /** Where two have the same, which is somebody's mistake, the owner's word counts, then the name's order. */
  #holderOf(destination: Cidr): NodeName | undefined {
    const holders = this.#holders.get(destination);
    const owner = this.#ownerOf.get(destination);
    if (owner !== undefined && holders?.has(owner) === true) return owner;
    return [...(holders ?? [])].sort()[0];
  }
}

import {
  isLinkLocal,
  maxExtendedMessageLength,
  maxMessageLength,
  type ExportTarget,
  type Filter,
  type Session,
} from '@calico-node/bgp';
import { familyOf, ipFromBytes, type Family, type IpAddress } from '@calico-node/net';
import type { DaemonConfig, NeighborConfig } from '../config/daemon-config.ts';
import type { NodeLink } from '../fib/kernel-table.ts';
import { PathSlots } from '../rib/path-slots.ts';
import type { Rib } from '../rib/rib.ts';
import type { GroupMember } from '../rib/group-member.ts';
import { UpdateGroup, type GroupSettings } from '../rib/update-group.ts';
import { decideExport, filtersOf } from './export-policy.ts';

/** The BGP Identifier as an address, for routes that have no next hop: they are the node's own. */
function identifierAddress(routerId: number, family: Family): IpAddress {
  const octets = [24, 16, 8, 0].map((shift) => (routerId >>> shift) & 255);
  return ipFromBytes(
    Uint8Array.from(family === 4 ? octets : [...new Array<number>(10).fill(0), 0xff, 0xff, ...octets]),
  );
}

/** What stands for this node in a session. */
export interface SelfAddresses {
  readonly address: IpAddress;
  /** Where the peer is on a link with this node. */
  readonly linkLocal: IpAddress | undefined;
}

/**
 * What stands for this node in a session that begins at an address of its own. At a link-local one it stands alone: of
 * a global address nobody knows whether the peer is on its network, as it would have to be (RFC 2545 3).
 */
export function selfAddresses(address: IpAddress, link: NodeLink | undefined): SelfAddresses {
  return { address, linkLocal: familyOf(address) === 4 || isLinkLocal(address) ? undefined : link?.linkLocal };
}

/** Finds the group that a session belongs to, makes it for the first member and drops it after the last. */
export class UpdateGroups {
  readonly #groups = new Map<string, UpdateGroup>();
  /** Made for the first group with ADD-PATH of a family. */
  readonly #slots = new Map<Family, PathSlots>();
  readonly #ribs: Readonly<Record<Family, Rib>>;
  readonly #config: () => DaemonConfig;
  readonly #mayTransit: () => boolean;

  /** @param mayTransit whether routes of peers may be passed on now (RFC 4724 4.1 defers that after a restart). */
  constructor(ribs: Readonly<Record<Family, Rib>>, config: () => DaemonConfig, mayTransit: () => boolean) {
    this.#ribs = ribs;
    this.#config = config;
    this.#mayTransit = mayTransit;
  }

  get hasPending(): boolean {
    return this.#some((group) => group.hasPending);
  }

  /** The group for a session's routes of one family. */
  find(
    family: Family,
    neighbor: NeighborConfig,
    session: Session,
    { address: selfAddress, linkLocal }: SelfAddresses,
  ): UpdateGroup {
    const target: ExportTarget = {
      external: session.external,
      localAs: neighbor.localAs,
      globalAs: neighbor.globalAs,
      routerId: this.#config().routerId,
      selfAddress,
      selfLinkLocal: linkLocal,
      nextHopMode: neighbor.nextHopMode,
      client: neighbor.routeReflectorClient,
      clusterId: neighbor.clusterId,
      isRouteServerClient: neighbor.routeServerClient,
      needsIpv4NextHop: family === 4 && !session.extendedNextHop,
      takesStale: session.longLivedRestart.some((entry) => entry.family === family),
      role: session.role,
    };
    const settings: GroupSettings = {
      family,
      target,
      as4: session.as4,
      maxMessageLength: session.extendedMessage ? maxExtendedMessageLength : maxMessageLength,
      addPath: session.addPathSend.includes(family),
    };
    const audience = { isInternal: !session.external, isMesh: neighbor.type === 'mesh' };
    const key = JSON.stringify([settings, audience, neighbor.exportFilters]);
    let group = this.#groups.get(key);
    if (group === undefined) {
      let [filteredFor, filters]: [DaemonConfig | undefined, Filter[]] = [undefined, []];
      group = new UpdateGroup(
        settings,
        this.#ribs[family],
        (subject) => {
          if (subject.fromPeer && !this.#mayTransit()) return { announce: false };
          const config = this.#config();
          if (filteredFor !== config) {
            filteredFor = config;
            filters = filtersOf(config, neighbor.exportFilters);
          }
          return decideExport(config, filters, subject, audience);
        },
        settings.addPath ? this.#slotsOf(family) : undefined,
      );
      this.#groups.set(key, group);
    }
    return group;
  }

  /** The group of those who look at the best paths of a family as they are. */
  locRib(family: Family): UpdateGroup {
    const target: ExportTarget = {
      external: false,
      localAs: this.#config().localAs,
      routerId: this.#config().routerId,
      selfAddress: identifierAddress(this.#config().routerId, family),
      nextHopMode: 'keep',
      client: false,
      clusterId: 0,
      isMonitor: true,
    };
    const settings = { family, target, as4: true, maxMessageLength: maxExtendedMessageLength, addPath: false };
    const key = JSON.stringify(settings);
    const group = this.#groups.get(key) ?? new UpdateGroup(settings, this.#ribs[family], () => ({ announce: true }));
    this.#groups.set(key, group);
    return group;
  }

  /** Takes a member out of its group. */
  leave(group: UpdateGroup, member: GroupMember): void {
    group.leave(member);
    for (const [key, other] of this.#groups) if (other === group && group.size === 0) this.#groups.delete(key);
  }

  /** Decides on prefixes anew for all groups of a family. */
  flush(family: Family, prefixes: Int32Array): void {
    const slots = this.#slots.get(family);
    if (slots !== undefined) for (const prefix of prefixes) slots.update(prefix);
    for (const group of this.#groups.values()) if (group.settings.family === family) group.flush(prefixes);
  }

  /** Sends what is pending, a slice of it. True when nothing is left that could be sent now. */
  sync(limit: number): boolean {
    let isDone = true;
    for (const group of this.#groups.values()) isDone = group.sync(limit) && isDone;
    return isDone;
  }

  /** Nobody has anything pending: numbers of paths that are gone may be used again. */
  tidy(): void {
    for (const slots of this.#slots.values()) slots.tidy();
  }

  #slotsOf(family: Family): PathSlots {
    let slots = this.#slots.get(family);
    if (slots === undefined) {
      slots = new PathSlots(this.#ribs[family]);
      this.#slots.set(family, slots);
    }
    return slots;
  }

  #some(test: (group: UpdateGroup) => boolean): boolean {
    for (const group of this.#groups.values()) if (test(group)) return true;
    return false;
  }
}

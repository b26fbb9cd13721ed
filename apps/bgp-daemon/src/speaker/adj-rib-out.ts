import { encodeRouteRefresh, type Session } from '@calico-node/bgp';
import type { Family } from '@calico-node/net';
import type { NeighborConfig } from '../config/daemon-config.ts';
import { AdvertisementPace } from '../rib/advertisement-pace.ts';
import type { GroupMember } from '../rib/group-member.ts';
import type { ExportExplanation, UpdateGroup } from '../rib/update-group.ts';
import type { SpeakerContext } from './context.ts';
import type { SelfAddresses } from './update-groups.ts';
import type { UpdateSink } from './update-sink.ts';

const clock = { now: () => performance.now(), random: () => Math.random() };

/** What a neighbour is told: its membership in the update groups of its session, and who listens in on that. */
export class AdjRibOut {
  readonly #context: SpeakerContext;
  readonly #member: GroupMember;
  readonly #mirrors = new Map<UpdateSink, GroupMember>();
  readonly #groups = new Map<Family, UpdateGroup>();
  readonly #paces = new Map<Family, AdvertisementPace>();
  #hasMarkedEnd = false;
  #session: { readonly session: Session; readonly self: SelfAddresses } | undefined;

  constructor(context: SpeakerContext, member: GroupMember) {
    this.#context = context;
    this.#member = member;
  }

  sentOf(family: Family): number {
    return this.#groups.get(family)?.announcedTo(this.#member) ?? 0;
  }

  /** The session has begun: all that it may be told is to be told. */
  begin(config: NeighborConfig, session: Session, self: SelfAddresses): void {
    this.#hasMarkedEnd = false;
    this.#session = { session, self };
    for (const family of session.families) {
      this.#setPace(config, family);
      const group = this.#context.groups.find(family, config, session, self);
      for (const member of this.#members) group.join(member, this.#paceOf(member, family));
      this.#groups.set(family, group);
    }
  }

  /** The session is over. */
  end(): void {
    this.#session = undefined;
    for (const group of this.#groups.values())
      for (const member of this.#members) this.#context.groups.leave(group, member);
    this.#groups.clear();
    for (const pace of this.#paces.values()) pace.close();
    this.#paces.clear();
  }

  /** Puts other policy in force: what changes by it is told. */
  reconfigure(config: NeighborConfig): void {
    if (this.#session === undefined) return;
    const { session, self } = this.#session;
    for (const [family, group] of [...this.#groups]) {
      const next = this.#context.groups.find(family, config, session, self);
      if (next === group && this.#paces.get(family)?.intervalMs === intervalMs(config)) continue;
      this.#setPace(config, family);
      for (const member of this.#members) {
        const [told, isOwed] = [group.toldTo(member), group.owes(member)];
        if (next !== group) this.#context.groups.leave(group, member);
        next.takeOver(member, told, this.#paceOf(member, family));
        if (isOwed) next.owe(member);
      }
      this.#groups.set(family, next);
    }
    this.#context.wake();
  }

  /** Tells all again, between marks if the peer knows them, and the initial table is whole (RFC 7313 4). */
  refresh(family: Family, isMarked: boolean): void {
    this.#groups.get(family)?.refresh(this.#member, isMarked && this.#hasMarkedEnd);
  }

  /** Tells all again, and asks the peer to do so. */
  refreshBoth({ enhancedRouteRefresh, routeRefresh }: Session): void {
    for (const family of this.#groups.keys()) {
      this.refresh(family, enhancedRouteRefresh);
      if (routeRefresh) this.#member.send(encodeRouteRefresh(family), 0);
    }
  }

  /** Tells the sink what the peer is told, from the whole table on, until `unmirror`. */
  mirror(sink: UpdateSink): void {
    const member = {
      source: this.#member.source,
      send: (messages: Uint8Array) => {
        sink.send(messages);
      },
      isCongested: () => sink.isCongested(),
    };
    this.#mirrors.set(sink, member);
    for (const group of this.#groups.values()) {
      group.join(member);
      if (this.#hasMarkedEnd) group.owe(member);
    }
    this.#context.wake();
  }

  unmirror(sink: UpdateSink): void {
    const member = this.#mirrors.get(sink);
    this.#mirrors.delete(sink);
    if (member !== undefined) for (const group of this.#groups.values()) this.#context.groups.leave(group, member);
  }

  /** Tells the peer, once per session, that the initial table is complete, as soon as it is sent. */
  markEndOfRib(): void {
    if (this.#hasMarkedEnd || this.#session === undefined) return;
    this.#hasMarkedEnd = true;
    for (const group of this.#groups.values()) for (const member of this.#members) group.owe(member);
    this.#context.wake();
  }

  /** Why the peer is told of a prefix, or not. */
  explain(family: Family, prefix: number): ExportExplanation {
    if (this.#session === undefined) return { announced: false, reason: 'the session is not established' };
    const group = this.#groups.get(family);
    return group?.explain(prefix, this.#member) ?? { announced: false, reason: `the session carries no IPv${family}` };
  }

  /** All that are told what the peer is. */
  get #members(): readonly GroupMember[] {
    return [this.#member, ...this.#mirrors.values()];
  }

  #setPace(config: NeighborConfig, family: Family): void {
    this.#paces.get(family)?.close();
    this.#paces.delete(family);
    const interval = intervalMs(config);
    if (interval === undefined) return;
    const onDue = (): void => {
      this.#groups.get(family)?.release(this.#member);
      this.#context.wake();
    };
    this.#paces.set(family, new AdvertisementPace(interval, clock, onDue));
  }

  /** Who listens in hears all at once. */
  #paceOf(member: GroupMember, family: Family): AdvertisementPace | undefined {
    return member === this.#member ? this.#paces.get(family) : undefined;
  }
}

/** Undefined: nothing waits. */
function intervalMs({ advertisementSeconds }: NeighborConfig): number | undefined {
  return advertisementSeconds === undefined ? undefined : advertisementSeconds * 1000;
}

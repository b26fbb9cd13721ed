import {
  checkExport,
  encodeAttributes,
  encodeEndOfRib,
  encodeRouteRefresh,
  exportAttributes,
  type ExportProblem,
  type ExportTarget,
  type FilterSubject,
  type PrefixView,
  type RouteOperation,
  type RouteSource,
} from '@calico-node/bgp';
import { familyOf, type Family } from '@calico-node/net';
import { AnnouncedSlots } from './announced-slots.ts';
import { makeOutbound, type AttributeSet, type Outbound, type Variant } from './attribute-table.ts';
import { Bundles, type Bundle } from './bundles.ts';
import type { AdvertisementPace } from './advertisement-pace.ts';
import { isCaughtUp, newMemberState, type GroupMember, type MemberState, type Told } from './group-member.ts';
import type { PathSlots } from './path-slots.ts';
import { Rewriter } from './rewriter.ts';
import type { Rib } from './rib.ts';
import type { RibSource } from './rib-views.ts';
import { UpdateEncoder } from './update-encoder.ts';

/** What the policy says of a route: not to be announced, or announced with these changes. */
export type ExportVerdict =
  | { readonly announce: false; readonly reason?: string }
  | { readonly announce: true; readonly reason?: string; readonly operations?: readonly RouteOperation[] | undefined };

/** Whether a member is told of a prefix, and why, in words. */
export interface ExportExplanation {
  readonly announced: boolean;
  readonly reason: string;
}

/** The subject is valid during the call only. */
export type ExportPolicy = (subject: FilterSubject) => ExportVerdict;

export interface GroupSettings {
  readonly family: Family;
  readonly target: ExportTarget;
  readonly as4: boolean;
  readonly maxMessageLength: number;
  /** Members are told of all usable paths, each with an identifier (RFC 7911). */
  readonly addPath: boolean;
}

const nobody = -1;

/** Of an UPDATE without prefixes and attributes; of MP_REACH_NLRI without its next hop and prefixes. */
const updateOctets = 23;
const reachOctets = 9;

const exportProblems: Readonly<Record<ExportProblem, string>> = {
  'no-advertise': 'it has the community no-advertise',
  'no-export': 'it has the community no-export, and the peer is in another AS',
  stale: 'it is long-lived stale, and the peer does not know what that is',
  'only-to-customer': 'it may only go to customers, and the peer is none',
  'not-reflected': 'it is from an internal peer, and neither that one nor this one is a reflector client',
};

/** How many prefixes of a table being told are looked at for one that is sent. */
const looksPerPrefix = 16;

/**
 * The Adj-RIB-Out (RFC 4271 3.2) that sessions with the same export policy share: each route is decided
 * on and encoded once for all of them. What came from a member is left out of what this member gets.
 *
 * What is told has a number, its slot: that of the prefix, or with ADD-PATH that of one of its paths.
 */
export class UpdateGroup {
  readonly settings: GroupSettings;
  readonly #rib: Rib;
  readonly #members = new Map<GroupMember, MemberState>();
  readonly #memberSources = new Set<number>();
  #lastSource = nobody;
  #isLastMember = false;
  readonly #out: AnnouncedSlots;
  readonly #bundles = new Bundles();
  readonly #encoder: UpdateEncoder;
  readonly #policy: ExportPolicy;
  readonly #slots: PathSlots | undefined;
  readonly #rewriter = new Rewriter();
  #viewed: RouteSubject | undefined;
  #last:
    { readonly set: AttributeSet; readonly source: RouteSource; readonly outbound: Outbound | undefined } | undefined;

  /** @param slots with ADD-PATH: the numbers of the paths, kept up to date by the owner. */
  constructor(settings: GroupSettings, rib: Rib, policy: ExportPolicy, slots?: PathSlots) {
    this.settings = settings;
    this.#rib = rib;
    this.#policy = policy;
    this.#slots = slots;
    this.#out = new AnnouncedSlots(slots === undefined ? rib.prefixes.room : slots.end);
    this.#encoder = new UpdateEncoder(settings.family, settings.maxMessageLength, rib.prefixes, slots);
    for (let prefix = 0; prefix < rib.prefixes.end; prefix++) {
      if (!rib.prefixes.has(prefix)) continue;
      if (slots === undefined) this.#evaluate(prefix, prefix, rib.bestPath(prefix));
      else
        slots.forEach(prefix, (slot, path) => {
          this.#evaluate(slot, prefix, path);
        });
    }
  }

  /** All slots in use are below this. */
  get #end(): number {
    return this.#slots?.end ?? this.#rib.prefixes.end;
  }

  get size(): number {
    return this.#members.size;
  }

  /** How many prefixes a member is told of. */
  announcedTo(member: GroupMember): number {
    return this.#out.size - this.#out.countFrom(member.source);
  }

  get isInUse(): boolean {
    return this.#members.size > 0;
  }

  get hasPending(): boolean {
    for (const state of this.#members.values()) {
      if (!isCaughtUp(state) || state.owesEndOfRib || state.owesEndOfRefresh) return true;
    }
    return false;
  }

  /** Adds a member that is to learn everything; {@link sync} sends it. Its pace belongs to the caller. */
  join(member: GroupMember, pace?: AdvertisementPace): void {
    this.#members.set(member, newMemberState(pace));
    this.#memberSources.add(member.source);
    this.#forgetLastSource();
  }

  /** Has the member told that the table is complete, once nothing is pending (RFC 4724 2). */
  owe(member: GroupMember): void {
    const state = this.#members.get(member);
    if (state !== undefined) state.owesEndOfRib = true;
  }

  /** End-of-RIB has not been sent yet. */
  owes(member: GroupMember): boolean {
    return this.#members.get(member)?.owesEndOfRib === true;
  }

  /** Sends a member everything again (RFC 2918 4), between marks if it knows them (RFC 7313 4). */
  refresh(member: GroupMember, isMarked = false): void {
    const state = this.#members.get(member);
    if (state === undefined) return;
    // RFC 7313 4: not before the initial table is complete, which then does instead.
    if (isMarked && !state.isNew && !state.owesEndOfRib) {
      member.send(encodeRouteRefresh(this.settings.family, 'begin'), 0);
      state.owesEndOfRefresh = true;
    }
    // What it had yet to learn from the cursor on, it may know in an older state by now.
    if (state.isNew && state.cursor > 0) state.told = this.toldTo(member);
    state.isNew = false;
    state.cursor = 0;
  }

  /** The prefixes that a member has been told of, or may have been. */
  toldTo(member: GroupMember): Told {
    const told = new Uint8Array(this.#end);
    const state = this.#members.get(member);
    const isKnown = (prefix: number): boolean => state?.isNew !== true || prefix < state.cursor;
    for (let prefix = 0; prefix < told.length; prefix++)
      if (this.#out.at(prefix) !== undefined && isKnown(prefix)) told[prefix] = 1;
    for (const prefix of state?.pending ?? []) told[prefix] = 1;
    for (const [prefix, isTold] of state?.told?.entries() ?? []) if (isTold === 1) told[prefix] = 1;
    return told;
  }

  leave(member: GroupMember): void {
    this.#members.delete(member);
    for (const { source } of this.#members.keys()) if (source === member.source) return;
    this.#memberSources.delete(member.source);
    this.#forgetLastSource();
  }

  /** Has {@link sync} tell a member what its pace has held back for long enough. */
  release(member: GroupMember): void {
    const state = this.#members.get(member);
    for (const slot of state?.pace?.takeDue() ?? []) state?.pending.add(slot);
  }

  /** Adds a member that comes from another group: whatever it knew or is to know is sent anew or withdrawn. */
  takeOver(member: GroupMember, told: Told, pace?: AdvertisementPace): void {
    this.join(member, pace);
    const state = this.#members.get(member);
    if (state === undefined) return;
    state.isNew = false;
    state.told = told;
  }

  /** Why a member is told of a prefix, or not. */
  explain(prefix: number, member: GroupMember): ExportExplanation {
    const kept = (reason: string): ExportExplanation => ({ announced: false, reason });
    const path = this.#rib.bestPath(prefix);
    const [source, set] = [this.#rib.sourceOf(path), this.#rib.setOf(path)];
    if (source === undefined || set === undefined) return kept('there is no usable path');
    if (source.id === member.source) return kept('the best path came from this peer');
    const problem = checkExport(source.route, set.traits, this.settings.target);
    if (problem !== undefined) return kept(exportProblems[problem]);
    const { announce, reason = 'the policy' } = this.#policy(this.#subject(prefix, path, source, set));
    if (!announce) return kept(reason);
    if (this.#slots !== undefined) return this.#explainPaths(this.#slots, prefix, member);
    if (this.#out.at(prefix) === undefined) return kept('its attributes are too long for a message to the peer');
    const state = this.#members.get(member);
    if (state?.pace?.isHeld(prefix) === true)
      return { announced: true, reason: `${reason}; the last change waits for the interval between announcements` };
    const isPending = state !== undefined && (state.pending.has(prefix) || prefix >= state.cursor);
    return { announced: !isPending, reason: isPending ? 'waits until the peer has read what was sent' : reason };
  }

  /** Decides anew on prefixes whose best path may have changed, and sends the changes. */
  flush(prefixes: Int32Array): void {
    const bundles = this.#bundles;
    const slots = this.#slots;
    for (let index = 0, count = prefixes.length; index < count; index++) {
      const prefix = prefixes[index] ?? 0;
      if (slots === undefined) this.#change(prefix, prefix, this.#rib.bestPath(prefix));
      else
        slots.forEach(prefix, (slot, path) => {
          this.#change(slot, prefix, path);
        });
    }
    if (!bundles.isEmpty) this.#deliver(bundles.inOrder());
    bundles.clear();
  }

  /** Notes what has changed for the members in one slot. */
  #change(slot: number, prefix: number, path: number): void {
    const bundles = this.#bundles;
    const before = this.#out.at(slot);
    const sourceBefore = this.#out.sourceAt(slot);
    this.#evaluate(slot, prefix, path);
    const after = this.#out.at(slot);
    const source = this.#out.sourceAt(slot);
    if (before === after && sourceBefore === source) return;
    if (after === undefined) {
      bundles.withdraw(this.#isMemberSource(sourceBefore) ? sourceBefore : nobody, slot);
      return;
    }
    const isFromMember = this.#isMemberSource(source);
    bundles.announce(after, isFromMember ? source : nobody, slot);
    if (before !== undefined && source !== sourceBefore && isFromMember) bundles.withdrawFrom(source, slot);
  }

  /** Who are members has changed. */
  #forgetLastSource(): void {
    this.#lastSource = nobody;
    this.#isLastMember = false;
  }

  /** Neighbouring prefixes mostly come from the same source. */
  #isMemberSource(source: number): boolean {
    if (source !== this.#lastSource) {
      this.#lastSource = source;
      this.#isLastMember = this.#memberSources.has(source);
    }
    return this.#isLastMember;
  }

  /**
   * Sends members what is pending for them, at most `limit` prefixes each, unless they are congested.
   * True when nothing is left that could be sent now.
   */
  sync(limit: number): boolean {
    let isDone = true;
    for (const [member, state] of this.#members) {
      if (member.isCongested()) continue;
      if (state.pending.size > 0 || state.cursor !== Infinity) {
        this.#catchUp(member, state, limit);
        if (state.pending.size > 0 || state.cursor !== Infinity) isDone = false;
      }
      if (isCaughtUp(state) && state.owesEndOfRib) {
        state.owesEndOfRib = false;
        member.send(encodeEndOfRib(this.settings.family), 0);
      }
      if (isCaughtUp(state) && state.owesEndOfRefresh) {
        state.owesEndOfRefresh = false;
        member.send(encodeRouteRefresh(this.settings.family, 'end'), 0);
      }
    }
    return isDone;
  }

  #catchUp(member: GroupMember, state: MemberState, limit: number): void {
    const bundles = this.#bundles;
    let taken = 0;
    const { pace } = state;
    const take = (prefix: number): void => {
      taken++;
      const outbound = this.#out.sourceAt(prefix) === member.source ? undefined : this.#out.at(prefix);
      if (outbound !== undefined) {
        bundles.announce(outbound, nobody, prefix);
        pace?.told(prefix);
      } else {
        bundles.withdraw(nobody, prefix);
        pace?.forget(prefix);
      }
    };
    for (const prefix of state.pending) {
      if (taken >= limit) break;
      state.pending.delete(prefix);
      // Withdrawals do not wait.
      const isFree = this.#out.at(prefix) === undefined || this.#out.sourceAt(prefix) === member.source;
      if (pace === undefined || isFree || pace.admit(prefix)) take(prefix);
    }
    if (taken < limit && state.cursor !== Infinity) {
      const end = this.#end;
      const lookTo = Math.min(end, state.cursor + limit * looksPerPrefix);
      for (; state.cursor < lookTo && taken < limit; state.cursor++) {
        const prefix = state.cursor;
        const isAnnounced = this.#out.at(prefix) !== undefined && this.#out.sourceAt(prefix) !== member.source;
        if (isAnnounced || state.told?.[prefix] === 1) take(prefix);
      }
      if (state.cursor >= end) {
        state.cursor = Infinity;
        state.isNew = false;
        state.told = undefined;
      }
    }
    if (!bundles.isEmpty) member.send(this.#encoder.encode(bundles, bundles.inOrder()), taken);
    bundles.clear();
  }

  /**
   * Everything is encoded once, one bundle after the other; a member gets it in as few runs as what is not
   * for it allows. Members who lag behind, or have a pace, only note what they will have to be told.
   */
  #deliver(list: readonly Bundle[]): void {
    let messages: Uint8Array | undefined;
    const ends = new Int32Array(list.length);
    for (const [member, state] of this.#members) {
      if (state.pace !== undefined || !isCaughtUp(state) || member.isCongested()) {
        this.#note(member, state, list);
        continue;
      }
      messages ??= this.#encoder.encode(this.#bundles, list, ends);
      let [runStart, runEnd, count] = [0, 0, 0];
      for (let index = 0; index < list.length; index++) {
        const bundle = list[index];
        if (bundle === undefined) break;
        const end = ends[index] ?? 0;
        if (isFor(bundle, member)) {
          count += bundle.count;
        } else {
          if (runEnd > runStart) member.send(messages.subarray(runStart, runEnd), count);
          runStart = end;
          count = 0;
        }
        runEnd = end;
      }
      if (runEnd > runStart) member.send(messages.subarray(runStart, runEnd), count);
    }
  }

  #note(member: GroupMember, state: MemberState, list: readonly Bundle[]): void {
    const { pending, isNew, cursor } = state;
    for (const bundle of list) {
      if (!isFor(bundle, member)) continue;
      this.#bundles.forEach(bundle, (prefix) => {
        if (!isNew || prefix < cursor) pending.add(prefix);
      });
    }
  }

  #explainPaths(slots: PathSlots, prefix: number, member: GroupMember): ExportExplanation {
    let count = 0;
    slots.forEach(prefix, (slot) => {
      if (this.#out.at(slot) !== undefined && this.#out.sourceAt(slot) !== member.source) count++;
    });
    return { announced: count > 0, reason: `${count} of its paths may go to this peer` };
  }

  #evaluate(slot: number, prefix: number, path: number): void {
    const source = path < 0 ? undefined : this.#rib.sourceOf(path);
    const outbound = source === undefined ? undefined : this.#outbound(prefix, path, source);
    this.#out.set(slot, outbound, source?.id ?? nobody);
  }

  #outbound(prefix: number, path: number, source: RibSource): Outbound | undefined {
    const set = this.#rib.setOf(path);
    if (set === undefined || checkExport(source.route, set.traits, this.settings.target) !== undefined) {
      return undefined;
    }
    const verdict = this.#policy(this.#subject(prefix, path, source, set));
    if (!verdict.announce) return undefined;
    const { operations } = verdict;
    // Neighbouring prefixes mostly come with the same attributes.
    const last = this.#last;
    if (operations === undefined && last?.set === set && last.source === source.route) return last.outbound;
    const outbound = this.#variant(set, source, operations);
    if (operations === undefined) this.#last = { set, source: source.route, outbound };
    return outbound;
  }

  /** The route as policy sees it; valid until the next call. */
  #subject(prefix: number, path: number, { route }: RibSource, set: AttributeSet): FilterSubject {
    const prefixView = this.#rib.prefixes.view(prefix);
    const subject = (this.#viewed ??= new RouteSubject(prefixView, set));
    subject.prefix = prefixView;
    subject.fromPeer = route.kind === 'bgp';
    subject.interfaceName = this.#rib.interfaceNameOf(path);
    subject.isForwarding = route.kind === 'kernel' && route.isForwarding === true;
    subject.route = set;
    return subject;
  }

  #variant(
    set: AttributeSet,
    { route }: RibSource,
    operations: readonly RouteOperation[] | undefined,
  ): Outbound | undefined {
    const changes = operations === undefined ? '' : JSON.stringify(operations);
    for (let known = set.variant; known !== undefined; known = known.next)
      if (known.group === this && known.source === route && known.changes === changes) return known.outbound;
    const made = this.#make(set, route, operations);
    const outbound = this.#fits(made) ? made : undefined;
    set.variant = { group: this, source: route, changes, outbound, next: inUse(set.variant) };
    return outbound;
  }

  /** Whether one prefix at least goes into a message with them (RFC 8654 4: a route that is too long is not told). */
  #fits({ attributes, nextHop, linkLocal }: Outbound): boolean {
    const { family, maxMessageLength, addPath } = this.settings;
    const hopOctets = nextHop === undefined ? 0 : familyOf(nextHop) === 4 ? 4 : 16;
    const isMultiprotocol = family === 6 || hopOctets === 16;
    const reach = isMultiprotocol ? reachOctets + hopOctets + (linkLocal === undefined ? 0 : 16) : 0;
    const prefix = (addPath ? 4 : 0) + (family === 4 ? 5 : 17);
    return updateOctets + attributes.length + reach + prefix <= maxMessageLength;
  }

  #make(set: AttributeSet, route: RouteSource, operations: readonly RouteOperation[] | undefined): Outbound {
    const { target, as4, family } = this.settings;
    if (set.isPlain && as4 && family === 4 && operations === undefined) {
      const text = this.#rewriter.rewrite(set.key, route, target);
      if (text !== undefined) return makeOutbound(text, undefined);
    }
    const attributes = exportAttributes(route, set.attributes, target, operations);
    const isIpv4 = attributes.nextHop === undefined || familyOf(attributes.nextHop) === 4;
    const bytes = encodeAttributes(attributes, { as4, withNextHop: family === 4 && isIpv4 });
    const { nextHop, linkLocalNextHop: linkLocal } = attributes;
    return makeOutbound(Buffer.from(bytes).toString('latin1'), nextHop, linkLocal);
  }
}

/** One for all routes of a group, one after the other: an object for each would be most of what is thrown away. */
class RouteSubject implements FilterSubject {
  prefix: PrefixView;
  route: AttributeSet;
  fromPeer = false;
  interfaceName: string | undefined;
  isForwarding = false;

  constructor(prefix: PrefixView, route: AttributeSet) {
    this.prefix = prefix;
    this.route = route;
  }
}

/** A list of variants without those of groups that are gone. */
function inUse(first: Variant | undefined): Variant | undefined {
  let kept: Variant | undefined;
  for (let variant = first; variant !== undefined; variant = variant.next)
    if (variant.group.isInUse) kept = { ...variant, next: kept };
  return kept;
}

function isFor({ source, isOnlyForSource }: Bundle, member: GroupMember): boolean {
  return (member.source === source) === isOnlyForSource;
}

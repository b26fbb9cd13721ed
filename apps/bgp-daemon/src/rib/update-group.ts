import {
  ByteWriter,
  checkExport,
  encodeAttributes,
  encodeEndOfRib,
  exportAttributes,
  UpdatePacker,
  type ExportProblem,
  type ExportTarget,
  type ExtraCommunities,
  type FilterSubject,
  type RouteSource,
} from '@calico-node/bgp';
import type { Family } from '@calico-node/net';
import type { AttributeSet, Outbound } from './attribute-table.ts';
import { IntColumn } from './int-column.ts';
import type { Rib, RibSource } from './rib.ts';

/** A session in a group. */
export interface GroupMember {
  /** Its source number in the RIB: what came from there does not go back. */
  readonly source: number;
  /** Hands over whole messages. */
  send(messages: Uint8Array, prefixes: number): void;
  /** Too much waits to be sent: changes are kept until `UpdateGroup.sync`. */
  isCongested(): boolean;
}

/** What the policy says of a route: not to be announced, or announced with these communities added. */
export type ExportVerdict =
  | { readonly announce: false; readonly reason?: string }
  | { readonly announce: true; readonly reason?: string; readonly extra?: ExtraCommunities | undefined };

/** Whether a member is told of a prefix, and why, in words. */
export interface ExportExplanation {
  readonly announced: boolean;
  readonly reason: string;
}

export type ExportPolicy = (subject: FilterSubject) => ExportVerdict;

export interface GroupSettings {
  readonly family: Family;
  readonly target: ExportTarget;
  readonly as4: boolean;
  readonly maxMessageLength: number;
}

interface MemberState {
  /** Prefixes whose present state the member has yet to learn. Coalesces: only the last state counts. */
  readonly pending: Set<number>;
  /** The initial table is on its way: End-of-RIB is due when nothing is pending. */
  owesEndOfRib: boolean;
}

/** Prefixes with the same fate: announced with the same attributes, or withdrawn. */
interface Bundle {
  readonly outbound: Outbound | undefined;
  /** The member that does not get it, or the only one that does; -1: everybody gets it. */
  readonly source: number;
  readonly isOnlyForSource: boolean;
  readonly prefixes: number[];
}

const nobody = -1;

const exportProblems: Readonly<Record<ExportProblem, string>> = {
  'no-advertise': 'it has the community no-advertise',
  'no-export': 'it has the community no-export, and the peer is in another AS',
  'not-reflected': 'it is from an internal peer, and neither that one nor this one is a reflector client',
};

/**
 * The Adj-RIB-Out (RFC 4271 3.2) that sessions with the same export policy share: each route is decided
 * on and encoded once for all of them. What came from a member is left out of what this member gets.
 */
export class UpdateGroup {
  readonly settings: GroupSettings;
  readonly #rib: Rib;
  readonly #members = new Map<GroupMember, MemberState>();
  readonly #memberSources = new Set<number>();
  readonly #out: (Outbound | undefined)[] = [];
  readonly #outSource = new IntColumn(-1);
  readonly #scratch = new Uint8Array(17);
  readonly #writer = new ByteWriter(4096);
  readonly #policy: ExportPolicy;
  #last: { readonly set: AttributeSet; readonly source: RouteSource; readonly outbound: Outbound } | undefined;
  #announced = 0;
  readonly #announcedFrom = new IntColumn(0);

  constructor(settings: GroupSettings, rib: Rib, policy: ExportPolicy) {
    this.settings = settings;
    this.#rib = rib;
    this.#policy = policy;
    for (let prefix = 0; prefix < rib.prefixes.end; prefix++) if (rib.prefixes.has(prefix)) this.#evaluate(prefix);
  }

  get size(): number {
    return this.#members.size;
  }

  /** How many prefixes a member is told of. */
  announcedTo(member: GroupMember): number {
    return this.#announced - this.#announcedFrom.get(member.source);
  }

  get isInUse(): boolean {
    return this.#members.size > 0;
  }

  get hasPending(): boolean {
    return [...this.#members.values()].some(({ pending, owesEndOfRib }) => pending.size > 0 || owesEndOfRib);
  }

  /** Adds a member that is to learn everything; {@link sync} sends it. */
  join(member: GroupMember): void {
    const pending = new Set<number>();
    for (const [prefix, outbound] of this.#out.entries()) if (outbound !== undefined) pending.add(prefix);
    this.#members.set(member, { pending, owesEndOfRib: false });
    this.#memberSources.add(member.source);
  }

  /** Has the member told that the table is complete, once nothing is pending (RFC 4724 2). */
  owe(member: GroupMember): void {
    const state = this.#members.get(member);
    if (state !== undefined) state.owesEndOfRib = true;
  }

  /** Sends a member everything again (RFC 2918 4). */
  refresh(member: GroupMember): void {
    const state = this.#members.get(member);
    for (const [prefix, outbound] of this.#out.entries()) if (outbound !== undefined) state?.pending.add(prefix);
  }

  /** The prefixes that a member has been told of, or is about to be. */
  toldTo(member: GroupMember): Set<number> {
    const told = new Set(this.#members.get(member)?.pending);
    for (const [prefix, outbound] of this.#out.entries()) if (outbound !== undefined) told.add(prefix);
    return told;
  }

  leave(member: GroupMember): void {
    this.#members.delete(member);
    this.#memberSources.delete(member.source);
  }

  /** Adds a member that comes from another group: whatever it knew or is to know is sent anew or withdrawn. */
  takeOver(member: GroupMember, told: ReadonlySet<number>): void {
    this.join(member);
    const state = this.#members.get(member);
    for (const prefix of told) state?.pending.add(prefix);
  }

  /** Why a member is told of a prefix, or not. */
  explain(prefix: number, member: GroupMember): ExportExplanation {
    const kept = (reason: string): ExportExplanation => ({ announced: false, reason });
    const path = this.#rib.bestPath(prefix);
    const [source, set] = [this.#rib.sourceOf(path), this.#rib.setOf(path)];
    if (source === undefined || set === undefined) return kept('there is no usable path');
    if (source.id === member.source) return kept('the best path came from this peer');
    const problem = checkExport(source.route, set.attributes, this.settings.target);
    if (problem !== undefined) return kept(exportProblems[problem]);
    const { announce, reason = 'the policy' } = this.#policy(this.#subject(prefix, path, source));
    if (!announce) return kept(reason);
    const isPending = this.#members.get(member)?.pending.has(prefix) === true;
    return { announced: !isPending, reason: isPending ? 'waits until the peer has read what was sent' : reason };
  }

  /** Decides anew on prefixes whose best path may have changed, and sends the changes. */
  flush(prefixes: readonly number[]): void {
    const bundles = new Bundles();
    for (const prefix of prefixes) {
      const before = this.#out[prefix];
      const sourceBefore = this.#outSource.get(prefix);
      this.#evaluate(prefix);
      const after = this.#out[prefix];
      const source = this.#outSource.get(prefix);
      if (before === after && sourceBefore === source) continue;
      if (after === undefined) {
        bundles.withdraw(this.#memberSources.has(sourceBefore) ? sourceBefore : nobody, prefix);
        continue;
      }
      const isFromMember = this.#memberSources.has(source);
      bundles.announce(after, isFromMember ? source : nobody, prefix);
      if (before !== undefined && source !== sourceBefore && isFromMember) bundles.withdrawFrom(source, prefix);
    }
    this.#deliver(bundles.inOrder());
  }

  /**
   * Sends members what is pending for them, at most `limit` prefixes each, unless they are congested.
   * True when nothing is left that could be sent now.
   */
  sync(limit: number): boolean {
    let isDone = true;
    for (const [member, state] of this.#members) {
      if (member.isCongested()) continue;
      if (state.pending.size > 0) {
        this.#catchUp(member, state, limit);
        if (state.pending.size > 0) isDone = false;
      }
      if (state.pending.size === 0 && state.owesEndOfRib) {
        state.owesEndOfRib = false;
        member.send(encodeEndOfRib(this.settings.family), 0);
      }
    }
    return isDone;
  }

  #catchUp(member: GroupMember, state: MemberState, limit: number): void {
    const groups = new Map<Outbound | undefined, number[]>();
    let taken = 0;
    for (const prefix of state.pending) {
      if (taken++ >= limit) break;
      state.pending.delete(prefix);
      const outbound = this.#outSource.get(prefix) === member.source ? undefined : this.#out[prefix];
      const list = groups.get(outbound);
      if (list === undefined) groups.set(outbound, [prefix]);
      else list.push(prefix);
    }
    const bundles = [...groups].map(([outbound, prefixes]) => ({ outbound, prefixes }));
    member.send(this.#encodeAll(bundles, []), taken);
  }

  /**
   * Everything is encoded once, one bundle after the other; a member gets it in as few runs as what is not
   * for it allows. Members who lag behind only note what they will have to be told.
   */
  #deliver(bundles: readonly Bundle[]): void {
    if (bundles.length === 0) return;
    let messages: Uint8Array | undefined;
    const ends: number[] = [];
    for (const [member, { pending }] of this.#members) {
      if (pending.size > 0 || member.isCongested()) {
        for (const bundle of bundles) {
          if (isFor(bundle, member)) for (const prefix of bundle.prefixes) pending.add(prefix);
        }
        continue;
      }
      messages ??= this.#encodeAll(bundles, ends);
      let [runStart, runEnd, count] = [0, 0, 0];
      for (const [index, bundle] of bundles.entries()) {
        const end = ends[index] ?? 0;
        if (isFor(bundle, member)) {
          count += bundle.prefixes.length;
        } else {
          if (runEnd > runStart) member.send(messages.subarray(runStart, runEnd), count);
          [runStart, count] = [end, 0];
        }
        runEnd = end;
      }
      if (runEnd > runStart) member.send(messages.subarray(runStart, runEnd), count);
    }
  }

  /** The messages of all bundles; `ends` is given where each bundle's end. */
  #encodeAll(bundles: readonly Pick<Bundle, 'outbound' | 'prefixes'>[], ends: number[]): Uint8Array {
    const writer = this.#writer;
    writer.reset();
    for (const { outbound, prefixes } of bundles) {
      this.#encode(outbound, prefixes);
      ends.push(writer.length);
    }
    return writer.finish();
  }

  #encode(outbound: Outbound | undefined, prefixes: readonly number[]): void {
    const { family, maxMessageLength } = this.settings;
    const template = outbound && { family, attributes: outbound.attributes, nextHop: outbound.nextHop };
    const packer = new UpdatePacker(family, maxMessageLength, template, this.#writer);
    for (const prefix of prefixes) packer.add(this.#scratch, 0, this.#rib.prefixes.encode(prefix, this.#scratch));
    packer.close();
  }

  #evaluate(prefix: number): void {
    const path = this.#rib.bestPath(prefix);
    const source = path < 0 ? undefined : this.#rib.sourceOf(path);
    const outbound = source === undefined ? undefined : this.#outbound(prefix, path, source);
    this.#count(prefix, -1);
    this.#out[prefix] = outbound;
    this.#outSource.set(prefix, outbound === undefined || source === undefined ? nobody : source.id);
    this.#count(prefix, 1);
  }

  #count(prefix: number, difference: 1 | -1): void {
    if (this.#out[prefix] === undefined) return;
    const source = this.#outSource.get(prefix);
    this.#announced += difference;
    this.#announcedFrom.set(source, this.#announcedFrom.get(source) + difference);
  }

  #outbound(prefix: number, path: number, source: RibSource): Outbound | undefined {
    const set = this.#rib.setOf(path);
    if (set === undefined || checkExport(source.route, set.attributes, this.settings.target) !== undefined) {
      return undefined;
    }
    const verdict = this.#policy(this.#subject(prefix, path, source));
    if (!verdict.announce) return undefined;
    const { extra } = verdict;
    // Neighbouring prefixes mostly come with the same attributes.
    const last = this.#last;
    if (extra === undefined && last?.set === set && last.source === source.route) return last.outbound;
    const outbound = this.#variant(set, source, extra);
    if (extra === undefined) this.#last = { set, source: source.route, outbound };
    return outbound;
  }

  #subject(prefix: number, path: number, source: RibSource): FilterSubject {
    return {
      prefix: this.#rib.prefixes.view(prefix),
      fromPeer: source.route.kind === 'bgp',
      interfaceName: this.#rib.interfaceNameOf(path),
    };
  }

  #variant(set: AttributeSet, { route }: RibSource, extra: ExtraCommunities | undefined): Outbound {
    const { target, as4, family } = this.settings;
    const extraKey = extra === undefined ? '' : JSON.stringify(extra);
    const { variants } = set;
    for (const variant of variants) {
      if (variant.group === this && variant.source === route && variant.extra === extraKey) return variant.outbound;
    }
    const attributes = exportAttributes(route, set.attributes, target, extra);
    const outbound: Outbound = {
      attributes: encodeAttributes(attributes, { as4, withNextHop: family === 4 }),
      nextHop: attributes.nextHop,
    };
    for (let index = variants.length - 1; index >= 0; index--) {
      if (variants[index]?.group.isInUse === false) variants.splice(index, 1);
    }
    variants.push({ group: this, source: route, extra: extraKey, outbound });
    return outbound;
  }
}

function isFor({ source, isOnlyForSource }: Bundle, member: GroupMember): boolean {
  return (member.source === source) === isOnlyForSource;
}

/** Collects the changes of a flush. */
class Bundles {
  readonly #announced = new Map<Outbound, Bundle>();
  readonly #withdrawn = new Map<number, Bundle>();
  readonly #withdrawnFrom = new Map<number, Bundle>();
  #latest: Bundle | undefined;

  announce(outbound: Outbound, source: number, prefix: number): void {
    if (this.#latest?.outbound !== outbound) {
      this.#latest = entry(this.#announced, outbound, { outbound, source, isOnlyForSource: false });
    }
    this.#latest.prefixes.push(prefix);
  }

  /** For everybody but a source. */
  withdraw(source: number, prefix: number): void {
    const bundle = entry(this.#withdrawn, source, { outbound: undefined, source, isOnlyForSource: false });
    bundle.prefixes.push(prefix);
  }

  /** For a source alone. */
  withdrawFrom(source: number, prefix: number): void {
    const bundle = entry(this.#withdrawnFrom, source, { outbound: undefined, source, isOnlyForSource: true });
    bundle.prefixes.push(prefix);
  }

  /** What is for the same members stands together. */
  inOrder(): Bundle[] {
    const announced = [...this.#announced.values()].sort((a, b) => a.source - b.source);
    return [...this.#withdrawn.values(), ...announced, ...this.#withdrawnFrom.values()];
  }
}

function entry<K>(bundles: Map<K, Bundle>, key: K, made: Omit<Bundle, 'prefixes'>): Bundle {
  let bundle = bundles.get(key);
  if (bundle === undefined) {
    bundle = { ...made, prefixes: [] };
    bundles.set(key, bundle);
  }
  return bundle;
}

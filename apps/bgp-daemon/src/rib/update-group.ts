import {
  encodeAttributes,
  encodeEndOfRib,
  exportAttributes,
  mayAdvertise,
  UpdatePacker,
  type ExportTarget,
  type ExtraCommunities,
} from '@calico-node/bgp';
import type { Cidr, Family, IpAddress } from '@calico-node/net';
import type { AttributeSet } from './attribute-table.ts';
import { IntColumn } from './int-column.ts';
import type { PathView, Rib } from './rib.ts';

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
  { readonly announce: false } | { readonly announce: true; readonly extra?: ExtraCommunities | undefined };

export type ExportPolicy = (prefix: Cidr, path: PathView) => ExportVerdict;

export interface GroupSettings {
  readonly family: Family;
  readonly target: ExportTarget;
  readonly as4: boolean;
  readonly maxMessageLength: number;
}

/** What is announced for a route: equal for all routes with the same attributes, and compared by identity. */
interface Outbound {
  readonly attributes: Uint8Array;
  readonly nextHop: IpAddress | undefined;
}

interface MemberState {
  /** Prefixes whose present state the member has yet to learn. Coalesces: only the last state counts. */
  readonly pending: Set<number>;
  /** The initial table is on its way: End-of-RIB is due when nothing is pending. */
  owesEndOfRib: boolean;
}

/** Who gets a bundle: everybody, everybody but one source, or only that one. */
type Audience = { readonly kind: 'all' } | { readonly kind: 'except' | 'only'; readonly source: number };

const everybody: Audience = { kind: 'all' };

interface Bundle {
  readonly outbound: Outbound | undefined;
  readonly audience: Audience;
  readonly prefixes: number[];
}

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
  readonly #policy: ExportPolicy;
  readonly #cache = new WeakMap<AttributeSet, Map<string, Outbound>>();
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

  /** Takes a member out; gives the prefixes that it has been told of, for another group to go on from. */
  leave(member: GroupMember): Set<number> {
    const told = this.#members.get(member)?.pending ?? new Set<number>();
    this.#members.delete(member);
    this.#memberSources.delete(member.source);
    for (const [prefix, outbound] of this.#out.entries()) if (outbound !== undefined) told.add(prefix);
    return told;
  }

  /** Adds a member that comes from another group: whatever it knew or is to know is sent anew or withdrawn. */
  takeOver(member: GroupMember, told: ReadonlySet<number>): void {
    this.join(member);
    const state = this.#members.get(member);
    for (const prefix of told) state?.pending.add(prefix);
  }

  /** Decides anew on prefixes whose best path may have changed, and sends the changes. */
  flush(prefixes: readonly number[]): void {
    const bundles = new Map<string, Bundle>();
    const ids = new Map<Outbound, number>();
    for (const prefix of prefixes) {
      const before = this.#out[prefix];
      const sourceBefore = this.#outSource.get(prefix);
      this.#evaluate(prefix);
      const after = this.#out[prefix];
      const source = this.#outSource.get(prefix);
      if (before === after && sourceBefore === source) continue;
      const add = (outbound: Outbound | undefined, audience: Audience): void => {
        this.#bundle(bundles, ids, prefix, outbound, audience);
      };
      if (after === undefined) {
        add(undefined, this.#except(sourceBefore));
        continue;
      }
      add(after, this.#except(source));
      if (before !== undefined && source !== sourceBefore && this.#memberSources.has(source)) {
        add(undefined, { kind: 'only', source });
      }
    }
    for (const bundle of bundles.values()) this.#deliver(bundle);
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
    for (const [outbound, prefixes] of groups) member.send(this.#encode(outbound, prefixes), prefixes.length);
  }

  #deliver({ outbound, audience, prefixes }: Bundle): void {
    let messages: Uint8Array | undefined;
    for (const [member, { pending }] of this.#members) {
      if (audience.kind === 'except' && member.source === audience.source) continue;
      if (audience.kind === 'only' && member.source !== audience.source) continue;
      if (pending.size > 0 || member.isCongested()) {
        for (const prefix of prefixes) pending.add(prefix);
        continue;
      }
      messages ??= this.#encode(outbound, prefixes);
      member.send(messages, prefixes.length);
    }
  }

  #encode(outbound: Outbound | undefined, prefixes: readonly number[]): Uint8Array {
    const { family, maxMessageLength } = this.settings;
    const packer = new UpdatePacker(
      family,
      maxMessageLength,
      outbound === undefined ? undefined : { family, ...outbound },
    );
    for (const prefix of prefixes) packer.add(this.#scratch, 0, this.#rib.prefixes.encode(prefix, this.#scratch));
    const messages = packer.finish();
    const [only] = messages;
    return messages.length === 1 && only !== undefined ? only : Buffer.concat(messages);
  }

  #bundle(
    bundles: Map<string, Bundle>,
    ids: Map<Outbound, number>,
    prefix: number,
    outbound: Outbound | undefined,
    audience: Audience,
  ): void {
    if (outbound !== undefined && !ids.has(outbound)) ids.set(outbound, ids.size);
    const what = outbound === undefined ? 'withdraw' : (ids.get(outbound) ?? 0);
    const key = `${what} ${audience.kind} ${audience.kind === 'all' ? '' : audience.source}`;
    const bundle = bundles.get(key);
    if (bundle === undefined) bundles.set(key, { outbound, audience, prefixes: [prefix] });
    else bundle.prefixes.push(prefix);
  }

  #except(source: number): Audience {
    return this.#memberSources.has(source) ? { kind: 'except', source } : everybody;
  }

  #evaluate(prefix: number): void {
    const best = this.#rib.best(prefix);
    const outbound = best === undefined ? undefined : this.#outbound(prefix, best);
    this.#count(prefix, -1);
    this.#out[prefix] = outbound;
    this.#outSource.set(prefix, outbound === undefined || best === undefined ? -1 : best.source.id);
    this.#count(prefix, 1);
  }

  #count(prefix: number, difference: 1 | -1): void {
    if (this.#out[prefix] === undefined) return;
    const source = this.#outSource.get(prefix);
    this.#announced += difference;
    this.#announcedFrom.set(source, this.#announcedFrom.get(source) + difference);
  }

  #outbound(prefix: number, path: PathView): Outbound | undefined {
    const { target, as4, family } = this.settings;
    if (!mayAdvertise(path.source.route, path.set.attributes, target)) return undefined;
    const verdict = this.#policy(this.#rib.cidr(prefix), path);
    if (!verdict.announce) return undefined;
    const { extra } = verdict;
    const key = `${path.source.id} ${extra === undefined ? '' : JSON.stringify(extra)}`;
    let variants = this.#cache.get(path.set);
    if (variants === undefined) {
      variants = new Map();
      this.#cache.set(path.set, variants);
    }
    const known = variants.get(key);
    if (known !== undefined) return known;
    const attributes = exportAttributes(path.source.route, path.set.attributes, target, extra);
    const made: Outbound = {
      attributes: encodeAttributes(attributes, { as4, withNextHop: family === 4 }),
      nextHop: attributes.nextHop,
    };
    variants.set(key, made);
    return made;
  }
}

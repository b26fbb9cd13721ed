/**
 * What a change of resources does to verdicts.
 *
 *   endpoints of both worlds, networks of rules ─ classes that policy treats alike ─ pairs of classes that the change can
 *   touch ─ traffic as finely as their rules cut it ─ the evaluator's verdict in either world ─ what differs, by groups
 *
 * One member of a class stands for all, so the work grows with how many sorts of endpoints there are, not with how many.
 */
import type { Kind, Resource, Rule } from '@calico-node/model';
import { familyOf, type Family, type IpAddress } from '@calico-node/net';
import type { NodePolicy, PacketDecision } from '../decide-packet.ts';
import { decideFlow, outside } from '../flow-decision.ts';
import type { PolicyPacket } from '../packet.ts';
import { worldOf } from '../resource-world.ts';
import type { Policy, PolicyWorld } from '../world.ts';
import { describeDecider } from './decider.ts';
import { AskedEnds, Likenesses, profilesOf } from './likeness.ts';
import { networkParties } from './network-parties.ts';
import { endpointParties, type Party } from './party.ts';
import { rulesOf } from './rules.ts';
import { describeTraffic, trafficClasses, type Traffic } from './traffic.ts';

/** A verdict that changes. */
export interface VerdictChange {
  /** `TCP 80, 443`; with `IPv4 ` or `IPv6 ` before it where only one of both is meant. */
  readonly traffic: string;
  readonly before: 'allow' | 'deny';
  readonly after: 'allow' | 'deny';
  /** What denies, before or after. */
  readonly because: string;
}

/** Pairs of parties, each of `from` with each of `to` but itself, whose verdicts change alike. */
export interface ImpactGroup {
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly pairs: number;
  readonly changes: readonly VerdictChange[];
}

export interface Impact {
  readonly groups: readonly ImpactGroup[];
  /** In all groups. */
  readonly pairs: number;
  /** Pairs that were not looked at since the limit was reached. */
  readonly unexamined: number;
}

/** A live connection's verdicts. */
export interface FlowImpact {
  /** What has the addresses; the address itself where nobody does. */
  readonly from: string;
  readonly to: string;
  readonly before: 'allow' | 'deny';
  readonly after: 'allow' | 'deny';
  readonly because: string;
}

interface PartyClass {
  readonly id: number;
  readonly before: Party;
  readonly after: Party;
  readonly names: string[];
  readonly isEndpoint: boolean;
  /** Its own rules are others than before, or other ends of rules mean it. */
  readonly isTouched: boolean;
}

type Side = 'before' | 'after';
const sides = ['before', 'after'] as const;
const families = [4, 6] as const;
const DEFAULT_LIMIT = 400_000;
const kindsWithSelectors: ReadonlySet<Kind> = new Set(['NetworkPolicy', 'GlobalNetworkPolicy', 'Profile']);

/** Two worlds of resources, and what becomes of verdicts from one to the other. Throws SelectorError or NetParseError. */
export class ImpactAnalysis {
  readonly #node: NodePolicy;
  readonly #limit: number;
  readonly #likenesses: Readonly<Record<Side, Likenesses>>;
  readonly #profileRules: Readonly<Record<Side, ReadonlyMap<string, readonly Rule[]>>>;
  readonly #byAddress = new Map<IpAddress, { readonly before?: Party; readonly after?: Party }>();
  readonly #classes: readonly PartyClass[];
  #decisions = 0;

  /** @param limit of decisions by the evaluator; what is left then is counted only. */
  constructor(before: readonly Resource[], after: readonly Resource[], node: NodePolicy, limit = DEFAULT_LIMIT) {
    this.#node = node;
    this.#limit = limit;
    const selectors = [...before, ...after].filter(({ kind }) => kindsWithSelectors.has(kind));
    const asked = new AskedEnds(JSON.stringify(selectors.map(({ spec }) => spec)));
    for (const resource of [...before, ...after]) {
      const namespace = resource.kind === 'NetworkPolicy' ? resource.metadata.namespace : undefined;
      for (const rule of rulesOf(resource)) asked.add(rule, namespace);
    }
    this.#likenesses = {
      before: new Likenesses(worldOf(before), asked),
      after: new Likenesses(worldOf(after), asked),
    };
    this.#profileRules = { before: profileRulesOf(before), after: profileRulesOf(after) };
    const isRelevant = (label: string): boolean => asked.isRelevant(label);
    const endpoints = { before: endpointParties(before, isRelevant), after: endpointParties(after, isRelevant) };
    for (const side of sides) {
      for (const party of endpoints[side].values()) {
        for (const ip of Object.values(party.addresses))
          this.#byAddress.set(ip, { ...this.#byAddress.get(ip), [side]: party });
      }
    }
    const networks = networkParties([...before, ...after], (ip) => this.#byAddress.has(ip));
    const pairs = [
      ...[...endpoints.before].flatMap(([id, party]) => {
        const later = endpoints.after.get(id);
        return later === undefined ? [] : [[party, later] as const];
      }),
      ...networks.map((party) => [party, party] as const),
    ];
    this.#classes = this.#classify(pairs);
  }

  /** What changes between endpoints that both worlds have, and between them and the networks that rules name. */
  pairs(): Impact {
    const found = new Map<string, { changes: readonly VerdictChange[]; from: PartyClass; to: Set<PartyClass> }>();
    let unexamined = 0;
    for (const from of this.#classes) {
      for (const to of this.#classes) {
        if (!(from.isTouched || to.isTouched) || !(from.isEndpoint || to.isEndpoint)) continue;
        const count = pairsOf([from], [to]);
        if (count === 0) continue;
        if (this.#decisions >= this.#limit) {
          unexamined += count;
          continue;
        }
        const changes = this.#changesBetween(from, to);
        if (changes.length === 0) continue;
        const key = `${from.id} ${JSON.stringify(changes)}`;
        const group = found.get(key) ?? { changes, from, to: new Set() };
        found.set(key, group);
        group.to.add(to);
      }
    }
    const groups = this.#join([...found.values()]);
    return { groups, pairs: groups.reduce((sum, group) => sum + group.pairs, 0), unexamined };
  }

  /** What becomes of one connection; `undefined` where neither end is an endpoint in both worlds. */
  flow(packet: PolicyPacket): FlowImpact | undefined {
    const [from, to] = [this.#byAddress.get(packet.source), this.#byAddress.get(packet.destination)];
    const party = (known: typeof from, side: Side, ip: IpAddress): Party => known?.[side] ?? stranger(ip);
    const isKnown = [from, to].some((end) => end?.before !== undefined && end.after !== undefined);
    if (!isKnown) return undefined;
    const ends = (side: Side) => [party(from, side, packet.source), party(to, side, packet.destination)] as const;
    const before = this.#decide('before', ...ends('before'), packet);
    const after = this.#decide('after', ...ends('after'), packet);
    const [source, destination] = ends('after');
    return {
      from: source.name,
      to: destination.name,
      before: before.verdict,
      after: after.verdict,
      because: describeDecider(after.verdict === 'deny' ? after : before),
    };
  }

  #classify(pairs: readonly (readonly [Party, Party])[]): readonly PartyClass[] {
    const classes = new Map<string, PartyClass>();
    for (const [before, after] of pairs) {
      const isEndpoint = before.likeness !== '';
      const ends = { before, after };
      const own = sides.map((side) => (isEndpoint ? this.#likenesses[side].rulesOf(ends[side]) : ''));
      const meant = families.map((family) => sides.map((side) => this.#likenesses[side].meantBy(ends[side], family)));
      const ports = sides.map((side) => ends[side].ports);
      const kind = isEndpoint ? before.attachment.type : '';
      const key = JSON.stringify([kind, own, meant, ports]);
      const known = classes.get(key);
      if (known !== undefined) {
        known.names.push(after.name);
        continue;
      }
      const isTouched = [own, ...meant, ports.map((each) => JSON.stringify(each))].some(([a, b]) => a !== b);
      classes.set(key, { id: classes.size, before, after, names: [after.name], isEndpoint, isTouched });
    }
    return [...classes.values()];
  }

  #changesBetween(from: PartyClass, to: PartyClass): readonly VerdictChange[] {
    const byFamily = families.flatMap((family) => {
      const has = ({ before, after }: PartyClass): boolean =>
        before.addresses[family] !== undefined && after.addresses[family] !== undefined;
      return has(from) && has(to) ? [{ family, changes: this.#changesOf(from, to, family) }] : [];
    });
    const [first, second] = byFamily;
    if (second === undefined) return first?.changes ?? [];
    if (JSON.stringify(first?.changes) === JSON.stringify(second.changes)) return second.changes;
    return byFamily.flatMap(({ family, changes }) =>
      changes.map((change) => ({ ...change, traffic: `IPv${family} ${change.traffic}` })),
    );
  }

  #changesOf(from: PartyClass, to: PartyClass, family: Family): readonly VerdictChange[] {
    const rules = sides.flatMap((side) => [
      ...this.#rulesAskedOf(from[side], 'egress', side),
      ...this.#rulesAskedOf(to[side], 'ingress', side),
    ]);
    const all = trafficClasses(rules, family, {
      from: sides.flatMap((side) => from[side].ports),
      to: sides.flatMap((side) => to[side].ports),
    });
    const changed = new Map<string, { change: Omit<VerdictChange, 'traffic'>; traffic: Traffic[] }>();
    for (const traffic of all) {
      const [before, after] = sides.map((side): PacketDecision => {
        const [source, destination] = [from[side].addresses[family], to[side].addresses[family]];
        if (source === undefined || destination === undefined) return { verdict: 'deny', steps: [] };
        return this.#decide(side, from[side], to[side], { family, source, destination, ...traffic.header });
      });
      if (before === undefined || after === undefined || before.verdict === after.verdict) continue;
      const because = describeDecider(after.verdict === 'deny' ? after : before);
      const change = { before: before.verdict, after: after.verdict, because };
      const key = JSON.stringify(change);
      const known = changed.get(key) ?? { change, traffic: [] };
      changed.set(key, known);
      known.traffic.push(traffic);
    }
    return [...changed.values()].map(({ change, traffic }) => ({
      traffic: describeTraffic(traffic, all),
      ...change,
    }));
  }

  #rulesAskedOf(party: Party, direction: 'ingress' | 'egress', side: Side): readonly Rule[] {
    return [
      ...this.#likenesses[side].policiesOf(party).flatMap(({ spec }) => spec[direction] ?? []),
      ...profilesOf(party).flatMap((name) => this.#profileRules[side].get(name) ?? []),
    ];
  }

  /** Of all policies only those of the two ends are looked through. */
  #decide(side: Side, from: Party, to: Party, packet: PolicyPacket): PacketDecision {
    this.#decisions++;
    const likenesses = this.#likenesses[side];
    const policies = new Set<Policy>([...likenesses.policiesOf(from), ...likenesses.policiesOf(to)]);
    const world: PolicyWorld = { ...likenesses.world, policies };
    return decideFlow(world, this.#node, from.attachment, to.attachment, packet);
  }

  /** Groups with the same changes and the same other end become one. */
  #join(
    found: readonly { changes: readonly VerdictChange[]; from: PartyClass; to: ReadonlySet<PartyClass> }[],
  ): readonly ImpactGroup[] {
    const joined = Map.groupBy(found, ({ changes, to }) => JSON.stringify([changes, [...to].map(({ id }) => id)]));
    return [...joined.values()]
      .flatMap((groups): ImpactGroup[] => {
        const [first] = groups;
        if (first === undefined) return [];
        const [from, to] = [groups.map((group) => group.from), [...first.to]];
        const names = (classes: readonly PartyClass[]): readonly string[] =>
          classes.flatMap((each) => each.names).sort();
        return [{ from: names(from), to: names(to), pairs: pairsOf(from, to), changes: first.changes }];
      })
      .sort((a, b) => b.pairs - a.pairs);
  }
}

/** Each of the ones with each of the others but itself. */
function pairsOf(from: readonly PartyClass[], to: readonly PartyClass[]): number {
  const count = (classes: readonly PartyClass[]): number => classes.reduce((sum, { names }) => sum + names.length, 0);
  return count(from) * count(to) - count(from.filter((each) => to.includes(each)));
}

function profileRulesOf(resources: readonly Resource[]): ReadonlyMap<string, readonly Rule[]> {
  return new Map(
    resources.flatMap((resource) =>
      resource.kind === 'Profile' ? [[resource.metadata.name, rulesOf(resource)] as const] : [],
    ),
  );
}

function stranger(ip: IpAddress): Party {
  return { name: ip, addresses: { [familyOf(ip)]: ip }, ports: [], attachment: outside, likeness: '' };
}

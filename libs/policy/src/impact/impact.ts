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
import { ClusterNodes } from './cluster-nodes.ts';
import { joinGroups, type Found, type ImpactGroup, type PartyClass, type VerdictChange } from './groups.ts';
import { AskedEnds, Likenesses, profilesOf } from './likeness.ts';
import { networkParties } from './network-parties.ts';
import { endpointParties, PartyMaker, type Party, type PartyPair } from './party.ts';
import { failsafeRules, rulesOf } from './rules.ts';
import { becauseOf, isNews, type ImpactVerdict, type SideDecision } from './side-decision.ts';
import { describeTraffic, trafficClasses, type Traffic } from './traffic.ts';
import { pairsOf, type Whereabouts } from './whereabouts.ts';

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
  readonly before: ImpactVerdict;
  readonly after: ImpactVerdict;
  readonly because: string;
}

type Side = 'before' | 'after';

const sides = ['before', 'after'] as const;
const families = [4, 6] as const;
const DEFAULT_LIMIT = 400_000;
const kindsWithSelectors: ReadonlySet<Kind> = new Set(['NetworkPolicy', 'GlobalNetworkPolicy', 'Profile']);

/** Two worlds of resources, and what becomes of verdicts from one to the other. Throws SelectorError or NetParseError. */
export class ImpactAnalysis {
  readonly #nodes: Readonly<Record<Side, NodePolicy>>;
  readonly #limit: number;
  readonly #likenesses: Readonly<Record<Side, Likenesses>>;
  readonly #profileRules: Readonly<Record<Side, ReadonlyMap<string, readonly Rule[]>>>;
  readonly #byAddress = new Map<IpAddress, Partial<PartyPair>>();
  readonly #classes: readonly PartyClass[];
  #decisions = 0;

  /**
   * @param node what nodes add to policy, in both worlds or in each
   * @param limit of decisions by the evaluator; what is left then is counted only
   */
  constructor(
    before: readonly Resource[],
    after: readonly Resource[],
    node: NodePolicy | Readonly<Record<Side, NodePolicy>>,
    limit = DEFAULT_LIMIT,
  ) {
    this.#nodes = 'failsafes' in node ? { before: node, after: node } : node;
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
    const makerOf = (resources: readonly Resource[]): PartyMaker =>
      new PartyMaker(new ClusterNodes(resources), (label) => asked.isRelevant(label));
    const endpoints = endpointParties(before, after, { before: makerOf(before), after: makerOf(after) });
    for (const pair of endpoints) {
      const addresses = [...Object.values(pair.before.addresses), ...Object.values(pair.after.addresses)];
      for (const ip of new Set(addresses)) this.#addAt(ip, pair);
    }
    const networks = networkParties([...before, ...after], (ip) => this.#byAddress.has(ip));
    const pairs = [...endpoints, ...networks.map((party) => ({ before: party, after: party }))];
    this.#classes = this.#classify(pairs);
  }

  /** Who has the address in either world. */
  #addAt(ip: IpAddress, pair: PartyPair): void {
    const known = { ...this.#byAddress.get(ip) };
    for (const side of sides) {
      const isThere = pair[side].isAbsent !== true && Object.values(pair[side].addresses).includes(ip);
      if (isThere) known[side] = pair[side];
    }
    this.#byAddress.set(ip, known);
  }

  /**
   * What changes between endpoints, and between them and the networks that rules name. Of an endpoint that comes or goes
   * only what is allowed is told.
   */
  pairs(): Impact {
    const found = new Map<string, Found>();
    let unexamined = 0;
    for (const from of this.#classes) {
      for (const to of this.#classes) {
        if (!(from.isTouched || to.isTouched) || !(from.isEndpoint || to.isEndpoint)) continue;
        // Nobody is in two classes.
        const count = from.members.length * (from === to ? to.members.length - 1 : to.members.length);
        if (count === 0) continue;
        if (this.#decisions >= this.#limit) {
          unexamined += count;
          continue;
        }
        for (const { changes, where } of this.#changesOfPairs(from, to)) {
          if (changes.length === 0) continue;
          const key = `${from.id} ${where ?? ''} ${JSON.stringify(changes)}`;
          const group = found.get(key) ?? { changes, from, where, to: new Set() };
          found.set(key, group);
          group.to.add(to);
        }
      }
    }
    const groups = joinGroups([...found.values()]);
    return { groups, pairs: groups.reduce((sum, group) => sum + group.pairs, 0), unexamined };
  }

  /** What becomes of one connection; `undefined` where neither end is an endpoint. An end that goes is absent then. */
  flow(packet: PolicyPacket): FlowImpact | undefined {
    const [from, to] = [this.#byAddress.get(packet.source), this.#byAddress.get(packet.destination)];
    if (from === undefined && to === undefined) return undefined;
    const party = (known: typeof from, side: Side, ip: IpAddress): Party => {
      const isGone = side === 'after' && known?.before !== undefined && known.after === undefined;
      return known?.[side] ?? (isGone ? { ...known.before, isAbsent: true } : stranger(ip));
    };
    const ends = (side: Side) => [party(from, side, packet.source), party(to, side, packet.destination)] as const;
    const before = this.#verdictOf('before', ...ends('before'), packet);
    const after = this.#verdictOf('after', ...ends('after'), packet);
    const [source, destination] = ends('after');
    return {
      from: source.name,
      to: destination.name,
      before: before.verdict,
      after: after.verdict,
      because: becauseOf(before, after),
    };
  }

  #classify(pairs: readonly PartyPair[]): readonly PartyClass[] {
    const classes = new Map<string, PartyClass>();
    const hasNodeNews = JSON.stringify(this.#nodes.before) !== JSON.stringify(this.#nodes.after);
    for (const ends of pairs) {
      const { before, after } = ends;
      const isEndpoint = before.likeness !== '';
      const absent = sides.filter((side) => ends[side].isAbsent === true);
      const own = sides.map((side) => (isEndpoint ? this.#likenesses[side].rulesOf(ends[side]) : ''));
      const meant = families.map((family) => sides.map((side) => this.#likenesses[side].meantBy(ends[side], family)));
      const ports = sides.map((side) => ends[side].ports);
      const kind = isEndpoint ? before.end.attachment.type : '';
      const key = JSON.stringify([kind, absent, own, meant, ports]);
      const known = classes.get(key);
      const member = { name: after.name, node: after.end.node?.name };
      if (known !== undefined) {
        known.members.push(member);
        continue;
      }
      const hasHost = sides.some((side) => isAtHostEndpoint(ends[side]));
      const isTouched =
        hasNodeNews ||
        absent.length > 0 ||
        [own, ...meant, ports.map((each) => JSON.stringify(each))].some(([a, b]) => a !== b);
      classes.set(key, { id: classes.size, before, after, members: [member], isEndpoint, hasHost, isTouched });
    }
    return [...classes.values()];
  }

  /** Once for all pairs, or apart for those of one node and of different ones. */
  #changesOfPairs(from: PartyClass, to: PartyClass): readonly Pick<Found, 'changes' | 'where'>[] {
    const isPlaced = from.isEndpoint && to.isEndpoint && (from.hasHost || to.hasHost);
    const both = isPlaced ? (['different nodes', 'one node'] as const) : (['different nodes'] as const);
    const found = both
      .filter((where) => !isPlaced || pairsOf(from.members, to.members, where) > 0)
      .map((where) => ({ where, changes: this.#changesBetween(from, to, where) }));
    const [first, second] = found;
    const isAlike = second === undefined || JSON.stringify(first?.changes) === JSON.stringify(second.changes);
    return isAlike ? found.slice(0, 1).map(({ changes }) => ({ changes, where: undefined })) : found;
  }

  #changesBetween(from: PartyClass, to: PartyClass, where: Whereabouts): readonly VerdictChange[] {
    const byFamily = families.flatMap((family) => {
      const has = ({ before, after }: PartyClass): boolean =>
        before.addresses[family] !== undefined && after.addresses[family] !== undefined;
      return has(from) && has(to) ? [{ family, changes: this.#changesOf(from, to, family, where) }] : [];
    });
    const [first, second] = byFamily;
    if (second === undefined) return first?.changes ?? [];
    if (JSON.stringify(first?.changes) === JSON.stringify(second.changes)) return second.changes;
    return byFamily.flatMap(({ family, changes }) =>
      changes.map((change) => ({ ...change, traffic: `IPv${family} ${change.traffic}` })),
    );
  }

  #changesOf(from: PartyClass, to: PartyClass, family: Family, where: Whereabouts): readonly VerdictChange[] {
    const [fromNode, toNode] = where === 'one node' ? ['one', 'one'] : ['from', 'to'];
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
      const decide = (side: Side): SideDecision => {
        const [source, destination] = [from[side].addresses[family], to[side].addresses[family]];
        if (source === undefined || destination === undefined) return { verdict: 'deny', steps: [] };
        const packet = { family, source, destination, ...traffic.header };
        return this.#verdictOf(side, onNode(from[side], fromNode), onNode(to[side], toNode), packet);
      };
      const [before, after] = [decide('before'), decide('after')];
      if (!isNews(before.verdict, after.verdict)) continue;
      const change = { before: before.verdict, after: after.verdict, because: becauseOf(before, after) };
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

  /** Those of hosts in either direction, since what they forward meets both. */
  #rulesAskedOf(party: Party, direction: 'ingress' | 'egress', side: Side): readonly Rule[] {
    const hasHost = isAtHostEndpoint(party);
    return [
      ...this.#likenesses[side]
        .policiesOf(party)
        .flatMap(({ spec }) => (hasHost ? [...(spec.ingress ?? []), ...(spec.egress ?? [])] : (spec[direction] ?? []))),
      ...profilesOf(party).flatMap((name) => this.#profileRules[side].get(name) ?? []),
      ...(hasHost ? failsafeRules(this.#nodes[side]) : []),
    ];
  }

  #verdictOf(side: Side, from: Party, to: Party, packet: PolicyPacket): SideDecision {
    if (from.isAbsent === true || to.isAbsent === true) return { verdict: 'absent', steps: [] };
    return this.#decide(side, from, to, packet);
  }

  /** Of all policies only those of the two ends are looked through. */
  #decide(side: Side, from: Party, to: Party, packet: PolicyPacket): PacketDecision {
    this.#decisions++;
    const likenesses = this.#likenesses[side];
    const policies = new Set<Policy>([...likenesses.policiesOf(from), ...likenesses.policiesOf(to)]);
    const world: PolicyWorld = { ...likenesses.world, policies };
    return decideFlow(world, this.#nodes[side], from.end, to.end, packet);
  }
}

/** Whether it is a host, or host endpoints have a say in what passes its host. */
function isAtHostEndpoint({ end: { attachment, node } }: Party): boolean {
  return attachment.type === 'host' || node?.uplink !== undefined || node?.wildcard !== undefined;
}

/** The party as if on the node, so that one pair stands for others. */
function onNode(party: Party, name: string): Party {
  const { node } = party.end;
  return node === undefined ? party : { ...party, end: { ...party.end, node: { ...node, name } } };
}

function profileRulesOf(resources: readonly Resource[]): ReadonlyMap<string, readonly Rule[]> {
  return new Map(
    resources.flatMap((resource) =>
      resource.kind === 'Profile' ? [[resource.metadata.name, rulesOf(resource)] as const] : [],
    ),
  );
}

function stranger(ip: IpAddress): Party {
  return { name: ip, addresses: { [familyOf(ip)]: ip }, ports: [], end: outside, likeness: '' };
}

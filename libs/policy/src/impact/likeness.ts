import { DEFAULT_TIER, type EntityRule, type Rule } from '@calico-node/model';
import { cidrContains, parseCidrLoose, type Cidr, type Family, type IpAddress } from '@calico-node/net';
import { stageOf } from '../endpoint-decision.ts';
import type { PolicyEndpoint } from '../endpoint.ts';
import { endpointOf, type FlowEnd } from '../flow-decision.ts';
import { effectiveLabels } from '../inherited-labels.ts';
import { holdersOf } from '../rule-match.ts';
import { Selection } from '../selection.ts';
import { isNamespaced, type Member, type Policy, type PolicyWorld } from '../world.ts';
import type { Party } from './party.ts';

/** One end of a rule, as far as it asks for addresses. */
interface Asked {
  readonly entity: EntityRule;
  /** Of the policy that it stands in. */
  readonly namespace: string | undefined;
  readonly nets: readonly Cidr[];
  readonly notNets: readonly Cidr[];
}

/** Every end of a rule that any of the worlds has; texts that say the same are kept once. */
export class AskedEnds {
  readonly #ends = new Map<string, Asked>();
  readonly #texts = new Map<string, string>();

  readonly #selectors: string;
  readonly #relevant = new Map<string, boolean>();

  /** @param selectors holds the text of every selector that is asked. */
  constructor(selectors: string) {
    this.#selectors = selectors;
  }

  get ends(): readonly Asked[] {
    return [...this.#ends.values()];
  }

  add({ source = {}, destination = {} }: Rule, namespace?: string): void {
    for (const entity of [source, destination]) {
      const { ports: _ports, notPorts: _notPorts, ...rest } = entity;
      const key = JSON.stringify([rest, namespace]);
      if (Object.keys(rest).length === 0 || this.#ends.has(key)) continue;
      const [nets, notNets] = [rest.nets ?? [], rest.notNets ?? []].map((list) =>
        list.map((net) => parseCidrLoose(net)),
      );
      this.#ends.set(key, { entity: rest, namespace, nets: nets ?? [], notNets: notNets ?? [] });
    }
  }

  /** Whether some selector may ask for the label: only one that has its name does. */
  isRelevant(label: string): boolean {
    const known = this.#relevant.get(label) ?? (isImplied(label) || this.#selectors.includes(label));
    this.#relevant.set(label, known);
    return known;
  }

  /** A short name for a text, the same for the same text. */
  nameOf(text: string): string {
    const known = this.#texts.get(text) ?? `#${this.#texts.size}`;
    this.#texts.set(text, known);
    return known;
  }
}

/** Calico's own labels are asked for by fields that do not name them. */
function isImplied(label: string): boolean {
  return label.startsWith('projectcalico.org/');
}

/**
 * What policy of one world can tell parties apart by: which policies and profiles are theirs, and which ends of rules
 * mean them. Parties with the same of both are treated alike.
 */
export class Likenesses {
  readonly world: PolicyWorld;
  readonly #enforced: readonly Policy[];
  readonly #tierTexts: ReadonlyMap<string, string>;
  readonly #asked: AskedEnds;
  readonly #ends: readonly Asked[];
  readonly #withNets: readonly Asked[];
  readonly #selection = new Selection();
  readonly #subjects = new Map<string, readonly Policy[]>();
  readonly #members = new Map<string, string>();
  readonly #policyTexts = new Map<Policy, string>();

  constructor(world: PolicyWorld, asked: AskedEnds) {
    this.world = world;
    this.#asked = asked;
    this.#ends = asked.ends;
    this.#withNets = this.#ends.filter(({ nets, notNets }) => nets.length + notNets.length > 0);
    this.#tierTexts = new Map([...world.tiers].map(({ metadata, spec }) => [metadata.name, JSON.stringify(spec)]));
    this.#enforced = [...world.policies].filter(
      ({ kind }) => kind === 'NetworkPolicy' || kind === 'GlobalNetworkPolicy',
    );
  }

  /** The enforced policies that the party's own traffic is asked, in no order: those of its host for what that forwards, too. */
  policiesOf({ end, likeness }: Party): readonly Policy[] {
    const known = this.#subjects.get(likeness);
    if (known !== undefined) return known;
    const found = new Set<Policy>();
    const isHost = end.attachment.type === 'host';
    for (const { endpoint, isOwn } of endpointsAsked(end)) {
      const labels = effectiveLabels(this.world, endpoint);
      for (const policy of this.#enforced) {
        if (!isOwn && !isHost && !asksForwarded(policy)) continue;
        if (this.#selection.policyApplies(policy, labels)) found.add(policy);
      }
    }
    this.#subjects.set(likeness, [...found]);
    return [...found];
  }

  /** Equal where the same rules are asked of the party's own traffic, in the same tiers. */
  rulesOf(party: Party): string {
    const policies = this.policiesOf(party);
    const tiers = new Set(policies.map(({ spec }) => spec.tier ?? DEFAULT_TIER));
    const profiles = profilesOf(party).map((name) => {
      const { ingress, egress } = this.world.profile(name)?.spec ?? {};
      return JSON.stringify([name, ingress, egress]);
    });
    const lines = [
      ...policies.map((policy) => this.#textOf(policy)).sort(),
      ...[...tiers].sort().map((name) => `${name} ${this.#tierTexts.get(name) ?? ''}`),
      ...profiles,
    ];
    return this.#asked.nameOf(lines.join('\n'));
  }

  /** Equal where the same ends of rules mean the party, by its address of the family. */
  meantBy({ addresses }: Party, family: Family): string {
    const ip = addresses[family];
    if (ip === undefined) return '';
    const nets = this.#withNets.map((end) => (isIn(end, ip) ? '1' : '0')).join('');
    const holders = new Set(holdersOf(this.world, ip).map((member) => this.#wantedAs(member)));
    return this.#asked.nameOf([nets, ...[...holders].sort()].join(' '));
  }

  /** Which ends of rules ask for a member's labels, and which refuse them. */
  #wantedAs(member: Member): string {
    const key = this.#keyOf(member);
    const known = key === undefined ? undefined : this.#members.get(key);
    if (known !== undefined) return known;
    const labels = effectiveLabels(this.world, member);
    const bits = this.#ends.map(({ entity, namespace }) => {
      const isWanted = this.#selection.entityHolds(entity, namespace, labels);
      return `${isWanted ? 1 : 0}${this.#selection.isRefused(entity, labels) ? 1 : 0}`;
    });
    const name = this.#asked.nameOf(bits.join(''));
    if (key !== undefined) this.#members.set(key, name);
    return name;
  }

  #keyOf({ labels, profiles }: Member): string | undefined {
    if (!(labels instanceof Map)) return undefined;
    const relevant = [...labels].filter(([label]) => this.#asked.isRelevant(String(label)));
    return JSON.stringify([profiles, relevant.sort()]);
  }

  #textOf(policy: Policy): string {
    const { kind, metadata, spec } = policy;
    const namespace = isNamespaced(policy) ? policy.metadata.namespace : '';
    const known = this.#policyTexts.get(policy) ?? JSON.stringify([kind, namespace, metadata.name, spec]);
    this.#policyTexts.set(policy, known);
    return known;
  }
}

function isIn({ nets, notNets }: Asked, ip: IpAddress): boolean {
  const holds = (net: Cidr): boolean => cidrContains(net, ip);
  return (nets.length === 0 || nets.some(holds)) && !notNets.some(holds);
}

/** The profiles that have a say in the party's own traffic, in their order. */
export function profilesOf({ end }: Party): readonly string[] {
  const isHost = end.attachment.type === 'host';
  return endpointsAsked(end).flatMap(({ endpoint, isOwn }) => (isOwn || isHost ? endpoint.profiles : []));
}

/** Its own endpoint, and those of its host. */
function endpointsAsked({
  attachment,
  node,
}: FlowEnd): readonly { readonly endpoint: PolicyEndpoint; readonly isOwn: boolean }[] {
  const own = endpointOf(attachment);
  const ofHost = [attachment.type === 'host' ? undefined : node?.uplink, node?.wildcard];
  return [
    ...(own === undefined ? [] : [{ endpoint: own, isOwn: true }]),
    ...ofHost.flatMap((endpoint) => (endpoint === undefined ? [] : [{ endpoint, isOwn: false }])),
  ];
}

/** Whether a host endpoint asks the policy of what its host only passes on. */
function asksForwarded(policy: Policy): boolean {
  return stageOf(policy) !== 'normal' || ('applyOnForward' in policy.spec && policy.spec.applyOnForward === true);
}

/**
 * What of host endpoints' untracked policy can be decided by a packet's source address alone, before the packet filter:
 * the deny rules that stand before everything else. Calico's Felix takes the first rule of each tier's first policy; here
 * it is every rule up to the first one that asks for more, and nothing behind it, so that no packet is dropped which
 * policy would let through.
 */
import type { Intent, LocalHostEndpoint } from '../calc/intents.ts';
import { policiesOf } from '../calc/intents.ts';
import type { IpSetId } from '../calc/ip-set.ts';
import type { ParsedEntity, ParsedRule } from '../calc/parsed-rule.ts';
import type { PolicyId } from '../calc/policy-id.ts';
import { isAskedUntracked } from './host-chains.ts';
import { HostAttachments } from './host-interfaces.ts';

/** The beginning of a policy's ingress rules. */
interface Denials {
  /** Sources in any of these are denied. */
  readonly sets: readonly IpSetId[];
  /** There are no other rules that could concern an IPv4 packet. */
  readonly isAll: boolean;
}

/** Sets of denied sources by interface, IPv4 alone, as in Calico. Those of an interface that has none are left out. */
export type DeniedSources = ReadonlyMap<string, readonly IpSetId[]>;

/** Follows host endpoints, their interfaces and their untracked policies. */
export class XdpDenials {
  readonly #attachments = new HostAttachments();
  readonly #policies = new Map<PolicyId, Denials>();
  #isDirty = true;
  #sources: DeniedSources = new Map<string, readonly IpSetId[]>();

  take(intent: Intent): void {
    if (intent.type === 'policy-update') {
      if (intent.stage === 'untracked') this.#policies.set(intent.id, leadingDenials(intent.ingress));
      else if (!this.#policies.delete(intent.id)) return;
      this.#isDirty = true;
    } else if (intent.type === 'policy-remove') {
      if (this.#policies.delete(intent.id)) this.#isDirty = true;
    } else if (this.#attachments.take(intent)) this.#isDirty = true;
  }

  /** The same object as before when nothing has changed. */
  sources(): DeniedSources {
    if (!this.#isDirty) return this.#sources;
    this.#isDirty = false;
    const sources = this.#attachments
      .list()
      .filter(isAskedUntracked)
      .map(({ interfaceName, endpoint }) => [interfaceName, this.#deniedBy(endpoint)] as const)
      .filter(([, sets]) => sets.length > 0);
    this.#sources = new Map(sources);
    return this.#sources;
  }

  #deniedBy({ untrackedTiers }: LocalHostEndpoint): readonly IpSetId[] {
    const sets = new Set<IpSetId>();
    for (const id of untrackedTiers.flatMap(({ ingress }) => policiesOf(ingress))) {
      const denials = this.#policies.get(id);
      for (const set of denials?.sets ?? []) sets.add(set);
      if (denials?.isAll !== true) break;
    }
    return [...sets];
  }
}

function leadingDenials(rules: readonly ParsedRule[]): Denials {
  const sets: IpSetId[] = [];
  for (const rule of rules) {
    if (rule.ipVersion === 6) continue;
    const set = deniedSet(rule);
    if (set === undefined) return { sets, isAll: false };
    sets.push(set);
  }
  return { sets, isAll: true };
}

/** What a rule may have that denies one set of sources, and all that they send. */
const known: ReadonlySet<string> = new Set(['action', 'ipVersion', 'source', 'destination', 'annotations']);

function deniedSet(rule: ParsedRule): IpSetId | undefined {
  const { action, source, destination } = rule;
  if (action !== 'deny' || criteriaOf(rule).some((name) => !known.has(name))) return undefined;
  const { sets, ...others } = source;
  return isAny(others) && isAny(destination) && sets.length === 1 ? sets[0] : undefined;
}

function criteriaOf(rule: ParsedRule): readonly string[] {
  return Object.entries(rule)
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name);
}

function isAny(entity: Partial<ParsedEntity>): boolean {
  return Object.values(entity).every((criterion) => Array.isArray(criterion) && criterion.length === 0);
}

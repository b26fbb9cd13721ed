import type { Party } from './party.ts';
import type { ImpactVerdict } from './side-decision.ts';
import { pairsOf, type Placed, type Whereabouts } from './whereabouts.ts';

/** A verdict that changes. */
export interface VerdictChange {
  /** `TCP 80, 443`; with `IPv4 ` or `IPv6 ` before it where only one of both is meant. */
  readonly traffic: string;
  readonly before: ImpactVerdict;
  readonly after: ImpactVerdict;
  /** What denies, before or after; what allows, where an end is absent from one of both. */
  readonly because: string;
}

/** Pairs of parties, each of `from` with each of `to` but itself, whose verdicts change alike. */
export interface ImpactGroup {
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** Only those of them that are so placed. */
  readonly where?: Whereabouts;
  readonly pairs: number;
  readonly changes: readonly VerdictChange[];
}

/** Parties that policy treats alike, before and after; one stands for all. */
export interface PartyClass {
  readonly id: number;
  readonly before: Party;
  readonly after: Party;
  readonly members: Placed[];
  readonly isEndpoint: boolean;
  /** It is a host, or on one that has host endpoints: it matters which node others are on. */
  readonly hasHost: boolean;
  /** Its own rules are others than before, or other ends of rules mean it. */
  readonly isTouched: boolean;
}

/** What is found of two classes, or of those of their pairs that are so placed. */
export interface Found {
  readonly changes: readonly VerdictChange[];
  readonly from: PartyClass;
  readonly where: Whereabouts | undefined;
  readonly to: Set<PartyClass>;
}

/** Those with the same changes and the same other end become one. */
export function joinGroups(found: readonly Found[]): readonly ImpactGroup[] {
  const keyOf = ({ changes, where }: Found, to: Iterable<PartyClass>): string =>
    JSON.stringify([changes, where, [...to].map(({ id }) => id).sort((a, b) => a - b)]);
  const amongThem = [...Map.groupBy(found, (each) => keyOf(each, withItself(each)))];
  const joined = new Map<string, { readonly groups: Found[]; readonly to: ReadonlySet<PartyClass> }>(
    amongThem.flatMap(([key, groups]) =>
      groups.length === 1 ? [] : [[key, { groups: [...groups], to: new Set(groups.flatMap(withItself)) }] as const],
    ),
  );
  for (const each of amongThem.flatMap(([, groups]) => (groups.length === 1 ? groups : []))) {
    const key = keyOf(each, each.to);
    const known = joined.get(key);
    if (known === undefined) joined.set(key, { groups: [each], to: each.to });
    else known.groups.push(each);
  }
  return [...joined.values()].flatMap(({ groups, to }) => groupOf(groups, to)).sort((a, b) => b.pairs - a.pairs);
}

/** Who is alone in its class makes no pair with itself, so that it may as well stand among the others. */
function withItself({ from, to }: Found): readonly PartyClass[] {
  return from.members.length === 1 && !to.has(from) ? [...to, from] : [...to];
}

/** What was found of some classes, all with the same of others. */
function groupOf(found: readonly Found[], others: ReadonlySet<PartyClass>): readonly ImpactGroup[] {
  const [first] = found;
  if (first === undefined) return [];
  const { changes, where } = first;
  const from = found.flatMap((each) => each.from.members);
  const to = [...others].flatMap(({ members }) => members);
  const names = (members: readonly Placed[]): readonly string[] => members.map(({ name }) => name).sort();
  const placed = where === undefined ? {} : { where };
  return [{ from: names(from), to: names(to), ...placed, pairs: pairsOf(from, to, where), changes }];
}

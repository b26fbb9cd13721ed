/**
 * BGPFilters as BIRD functions (calico-confd 6.3): one for each filter, direction and family that has
 * rules. A rule that matches ends the whole filter by accepting or rejecting; else the caller goes on.
 * Each function is told whether the peer is internal, for rules with a peerType.
 */
import { createHash } from 'node:crypto';
import type { BGPFilter } from '@calico-node/model';
import type { Family } from '@calico-node/net';
import type { BgpFilterRule } from '../derive/filter-match.ts';
import type { Complain } from '../derive/resources.ts';
import type { Settings } from '../derive/settings.ts';
import { renderRule, type Direction } from './filter-rule.ts';
import { priorityFunction } from './priority.ts';
import { functionOf, plain, type Lines } from './syntax.ts';

/** The longest symbol that BIRD reads. */
const MAX_SYMBOL = 64;
const HASH_DIGITS = 16;

/** Filters, and what of a node's settings they depend on. */
interface FilterInputs {
  readonly filters: readonly BGPFilter[];
  readonly settings: Pick<Settings, 'normalPriority'>;
}

/** The functions of the filters that have rules, and who has one. */
export interface FilterFunctions {
  readonly sections: readonly Lines[];
  /** The calls that a session makes for its filters. */
  callsFor(filters: readonly string[], direction: Direction, isInternal: boolean): Lines;
}

export function filterFunctions(
  { filters, settings }: FilterInputs,
  family: Family,
  complain: Complain,
): FilterFunctions {
  const functions = filters.flatMap((filter) =>
    (['import', 'export'] as const).flatMap((direction) => {
      const rules = rulesOf(filter, direction, family);
      return rules.length === 0 ? [] : [definition(filter.metadata.name, direction, family, rules, complain)];
    }),
  );
  const defined = new Set(functions.map(({ symbol }) => symbol));
  return {
    sections: [
      priorityFunction(filters, settings.normalPriority[family], family),
      ...functions.map(({ lines }) => lines),
    ],
    callsFor: (names, direction, isInternal) =>
      names
        .map((name) => functionSymbol(name, direction, family))
        .filter((symbol) => defined.has(symbol))
        .map((symbol) => `${symbol}(${isInternal});`),
  };
}

/** Calico's name of the function, quoted; a name that is too long is cut and told apart by its hash. */
export function functionSymbol(filterName: string, direction: Direction, family: Family): string {
  const [before, after] = ['bgp_', `_${direction}FilterV${family}`];
  const room = MAX_SYMBOL - before.length - after.length;
  const isWritable = /^[A-Za-z0-9_.-]*$/.test(filterName);
  const name = isWritable && filterName.length <= room ? filterName : hashedName(filterName, room);
  return `'${before}${name}${after}'`;
}

function hashedName(name: string, room: number): string {
  const digest = createHash('sha256').update(name).digest('hex').slice(0, HASH_DIGITS).toUpperCase();
  return `${name.replaceAll(/[^A-Za-z0-9_.-]/g, '_').slice(0, room - HASH_DIGITS - 1)}_${digest}`;
}

function definition(
  name: string,
  direction: Direction,
  family: Family,
  rules: readonly BgpFilterRule[],
  complain: Complain,
): { readonly symbol: string; readonly lines: Lines } {
  const symbol = functionSymbol(name, direction, family);
  const body = rules.flatMap((rule) => renderRule(rule, direction, family, `BGPFilter(${name})`, complain));
  const lines = [`# v${family} BGPFilter ${plain(name)}`, ...functionOf(symbol, 'bool internal_peer', body)];
  return { symbol, lines };
}

function rulesOf({ spec }: BGPFilter, direction: Direction, family: Family): readonly BgpFilterRule[] {
  return spec[`${direction}V${family}`] ?? [];
}

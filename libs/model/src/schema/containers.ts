import { compareBytewise } from '@calico-node/selector';
import { goJsonString, goJsonStringify } from '../go/go-json.ts';
import { FAILED } from './parse-context.ts';
import type { Schema, ValueCheck } from './schema.ts';

export interface ListRules<T> {
  readonly maxItems?: number;
  readonly minItems?: number;
  /** What two items must not share. */
  readonly uniqueBy?: (item: T) => string | number;
}

/** A slice. A null item is read as the item type's zero, as Go does. */
export function list<T>(
  item: Schema<T>,
  { minItems = 0, maxItems = Infinity, uniqueBy }: ListRules<T> = {},
): Schema<readonly T[]> {
  const notes = [
    ...(minItems > 0 ? [`at least ${plural(minItems, 'item')}`] : []),
    ...(maxItems < Infinity ? [`at most ${plural(maxItems, 'item')}`] : []),
    ...(uniqueBy === undefined ? [] : ['none twice']),
  ];
  return {
    typeName: `[]${item.typeName}`,
    notes,
    member: item,
    parse(input, place, context) {
      if (!Array.isArray(input)) return context.fail(place, input, 'must be a list');
      const values: T[] = [];
      const seen = new Set<string | number>();
      for (const [index, element] of input.entries()) {
        const itemPlace = { parent: place, key: index };
        const value = element === null ? item.zero() : item.parse(element, itemPlace, context);
        if (value === FAILED) continue;
        values.push(value);
        if (uniqueBy === undefined || !context.mode.runsChecks) continue;
        const identity = uniqueBy(value);
        if (seen.has(identity)) context.report(itemPlace, value, 'must not be given twice');
        seen.add(identity);
      }
      if (context.mode.runsChecks) {
        if (input.length > maxItems) context.report(place, input, `must have at most ${plural(maxItems, 'item')}`);
        if (input.length < minItems) context.report(place, input, `must have at least ${plural(minItems, 'item')}`);
      }
      return values;
    },
    encode: (values) => `[${values.map((value) => item.encode(value)).join(',')}]`,
    isEmpty: (values) => values.length === 0,
    isZero: () => false,
    zero: () => [],
  };
}

/** A slice whose items may be null (`[]*int`). */
export function listOfNullable<T>(item: Schema<T>): Schema<readonly (T | null)[]> {
  return list<T | null>({
    typeName: `*${item.typeName}`,
    parse: (input, place, context) => item.parse(input, place, context),
    encode: (value) => (value === null ? 'null' : item.encode(value)),
    isEmpty: (value) => value === null,
    isZero: (value) => value === null,
    zero: () => null,
  });
}

export interface MapRules {
  readonly key?: ValueCheck<string>;
}

/** A map with string keys, printed in the byte order of the keys. */
export function map<T>(member: Schema<T>, { key: checkKey }: MapRules = {}): Schema<Readonly<Record<string, T>>> {
  return {
    typeName: `map[string]${member.typeName}`,
    notes: checkKey?.note === undefined ? [] : [`keys: ${checkKey.note}`],
    member,
    parse(input, place, context) {
      if (!isRecord(input)) return context.fail(place, input, 'must be an object');
      const members: [string, T][] = [];
      for (const [key, element] of Object.entries(input)) {
        const memberPlace = { parent: place, key };
        const complaint = context.mode.runsChecks ? checkKey?.(key) : undefined;
        if (complaint !== undefined) context.report(memberPlace, key, complaint);
        const value = element === null ? member.zero() : member.parse(element, memberPlace, context);
        if (value !== FAILED) members.push([key, value]);
      }
      return Object.fromEntries(members);
    },
    encode(members) {
      const sorted = Object.entries(members).sort(([a], [b]) => compareBytewise(a, b));
      return `{${sorted.map(([key, value]) => `${goJsonString(key)}:${member.encode(value)}`).join(',')}}`;
    },
    isEmpty: (members) => Object.keys(members).length === 0,
    isZero: () => false,
    zero: () => ({}),
  };
}

const MAX_DEPTH = 64;
const MAX_NODES = 100_000;

/** Whether a value can be printed: neither too deep nor, by aliases, too large or endless. */
function isModest(value: object): boolean {
  const pending: { readonly value: unknown; readonly depth: number }[] = [{ value, depth: 1 }];
  for (let nodes = 1; ; nodes++) {
    const next = pending.pop();
    if (next === undefined) return true;
    if (next.depth > MAX_DEPTH || nodes > MAX_NODES) return false;
    if (typeof next.value !== 'object' || next.value === null) continue;
    for (const member of Object.values(next.value)) pending.push({ value: member, depth: next.depth + 1 });
  }
}

/** Any JSON object, kept as it is: parts of Kubernetes' metadata that Calico only passes on. */
export const opaque: Schema<Readonly<Record<string, unknown>>> = {
  typeName: 'object',
  parse(input, place, context) {
    if (!isRecord(input)) return context.fail(place, input, 'must be an object');
    return isModest(input) ? input : context.fail(place, input, `must not be nested deeper than ${MAX_DEPTH} levels`);
  },
  encode: goJsonStringify,
  isEmpty: () => false,
  isZero: (value) => Object.keys(value).length === 0,
  zero: () => ({}),
};

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Whether it is a JSON object: neither null nor a list. */
export function isRecord(input: unknown): input is Readonly<Record<string, unknown>> {
  return typeof input === 'object' && input !== null && !Array.isArray(input);
}

import { DSCP_VALUES, parseGoDuration } from '@calico-node/model';
import { tryParseCidrLoose, type Cidr } from '@calico-node/net';
import type { PortRange } from '../calc/parsed-rule.ts';
import { bool, portRange, type ParameterType } from './parameter-type.ts';

/* Types whose values stay texts, and such as only parameters without an effect have. */

/** Text of one form. */
const matching = (allowed: string, pattern: RegExp): ParameterType<string> => ({
  allowed,
  zero: '',
  parse: (value) => (pattern.test(value) ? value : undefined),
});

const listed = (item: RegExp): RegExp => new RegExp(`^(?:${item.source})(?:,\\s*(?:${item.source}))*$`);

/** Items between commas, each of one form; nothing between two commas is no item. */
const listOf = (allowed: string, item: RegExp): ParameterType<string> => ({
  allowed,
  zero: '',
  parse: (value) => {
    const items = itemsOf(value);
    return items.every((each) => item.test(each)) ? items.join() : undefined;
  },
});

function itemsOf(value: string): readonly string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

export const authority = matching('HOST:PORT', /^(?:\[[\da-f:]+\]|[\w.-]+):\d{1,5}$/i);
export const dscp: ParameterType<number> = {
  allowed: 'a DiffServ code point: 0 to 63, or a name such as AF11',
  zero: 0,
  parse: (value) => (/^(?:\d|[1-5]\d|6[0-3])$/.test(value) ? Number(value) : DSCP_VALUES[value.toUpperCase()]),
};
export const endpoints = listOf('URLs, separated by commas', /^https?:\/\/\S+$/);
export const hostAddress = matching('a host name or an address', /^[\w.:-]+$/);
export const interfacePattern = matching(
  'an interface name of at most 15 characters, + at its end for any',
  /^[\w:.-]{1,15}\+?$/,
);
export const interfacePatterns: ParameterType<string> = {
  allowed: 'interface names or expressions between slashes, separated by commas',
  zero: '',
  parse: (value) => {
    if (!listed(/\/[^/]+\/|[\w:.-]{1,15}\+?/).test(value)) return undefined;
    try {
      interfacePatternsOf(value);
      return value;
    } catch {
      return undefined;
    }
  },
};
export const keyValues = listOf('name=value, separated by commas', /^[^=\s]+=/);

/** Ports and ranges of them. */
export const portRanges: ParameterType<readonly PortRange[]> = {
  allowed: 'ports or ranges such as 30000:32767, separated by commas',
  zero: [],
  parse: (value) => {
    const ranges = value.split(',').map((item) => portRange.parse(item.trim()));
    return ranges.every((range) => range !== undefined) ? ranges : undefined;
  },
};

/** Tables that the kernel has, and how many of them Felix takes at most. */
const MAX_TABLE = 0xffffffff;
const MAX_TABLES = 0xffff;

export const tableRanges: ParameterType<string> = {
  allowed: `ranges of at most ${MAX_TABLES} route tables, such as 1-250, separated by commas`,
  zero: '',
  parse: (value) => (areTables(value, MAX_TABLE) ? value : undefined),
};
export const tableRange: ParameterType<string> = {
  allowed: 'one range of route tables from 1 to 250, such as 1-250',
  zero: '',
  parse: (value) => (/^\d+-\d+$/.test(value) && areTables(value, 250) ? value : undefined),
};

/** The kernel's own: default, main and local. */
const OWN_TABLES = { first: 253, last: 255 };

function areTables(value: string, last: number): boolean {
  if (!/^\d{1,10}-\d{1,10}(?:[,\s]+\d{1,10}-\d{1,10})*$/.test(value)) return false;
  const ranges = rangesOf(value);
  const tables = ranges.reduce((sum, [min, max]) => sum + max - min + 1, 0);
  return tables <= MAX_TABLES && ranges.every(([min, max]) => min >= 1 && min <= max && max <= last);
}

function rangesOf(value: string): readonly (readonly [number, number])[] {
  return value.split(/[,\s]+/).map((range) => {
    const [min = 0, max = 0] = range.split('-').map(Number);
    return [min, max];
  });
}

/** The lowest table of ranges that is not the kernel's own; undefined where there is none. */
export function lowestTable(ranges: string): number | undefined {
  const { first, last } = OWN_TABLES;
  const lowest = rangesOf(ranges).flatMap(([min, max]) => {
    const table = min >= first && min <= last ? last + 1 : min;
    return table <= max ? [table] : [];
  });
  return lowest.length === 0 ? undefined : Math.min(...lowest);
}

/** Part of a Kubernetes namespace's name, behind `openstack-region-`. */
export const region = matching(
  'a name of small letters, digits and - with at most 46 characters',
  /^[a-z0-9](?:[a-z0-9-]{0,44}[a-z0-9])?$/,
);

/** What the names that a parameter of `interfacePatterns` lists match. */
export function interfacePatternsOf(text: string): readonly RegExp[] {
  const items = text.split(/,(?=(?:[^/]*\/[^/]*\/)*[^/]*$)/).map((item) => item.trim());
  return items
    .filter((item) => item !== '')
    .map((item) => {
      if (item.startsWith('/')) return new RegExp(item.slice(1, -1));
      const [start = ''] = item.split('+');
      return new RegExp(`^${start.replaceAll('.', '\\.')}${item.endsWith('+') ? '' : '$'}`);
    });
}

/** Features by name; `name=` says nothing of one. */
export const switches = listOf('name=true or name=false, separated by commas', /^[\w-]+=(?:true|false|)$/);

/** What a parameter of `switches` says. */
export function switchesOf(text: string): ReadonlyMap<string, boolean> {
  const items = text.split(',').map((item) => item.trim().split('='));
  return new Map(
    items.flatMap(([name = '', value]) =>
      value === 'true' || value === 'false' ? [[name, value === 'true'] as const] : [],
    ),
  );
}

/** Go durations by name. */
export const durations: ParameterType<string> = {
  allowed: 'name=duration, such as dataplane=1m30s, separated by commas',
  zero: '',
  parse: (value) => (durationsOf(value) === undefined ? undefined : value),
};

/** Seconds by name in small letters, as a parameter of `durations` lists them; undefined for what is none. */
export function durationsOf(text: string): ReadonlyMap<string, number> | undefined {
  const byName = new Map<string, number>();
  for (const item of text.split(',').map((each) => each.trim())) {
    if (item === '') continue;
    const [, name = '', value = ''] = /^([^=\s]+)=(.+)$/.exec(item) ?? [];
    const nanoseconds = parseGoDuration(value);
    if (nanoseconds === undefined || nanoseconds < 0n) return undefined;
    byName.set(name.toLowerCase(), Number(nanoseconds) / 1e9);
  }
  return byName;
}

/** True, false, or not said. */
export const optionalBool: ParameterType<boolean | undefined> = { ...bool, zero: undefined };

/** Addresses and networks, masked. */
export const cidrList: ParameterType<readonly Cidr[]> = {
  allowed: 'addresses or networks, separated by commas',
  zero: [],
  parse: (value) => {
    const nets = itemsOf(value).map((item) => tryParseCidrLoose(item));
    return nets.every((net) => net !== undefined) ? [...new Set(nets)] : undefined;
  },
};

/**
 * The functions of confd's templates: the keys of the store's view, JSON, paths, text and names; and Calico's for
 * BIRD.
 */
import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import type { TemplateFunction } from '@calico-node/go-template';
import type { BGPFilter } from '@calico-node/model';
import type { Family } from '@calico-node/net';
import { filterFunctions, functionSymbol } from '../bird/filter-functions.ts';
import { compareText } from '../derive/resources.ts';
import type { Settings } from '../derive/settings.ts';
import { routerId } from '../derive/router-id.ts';
import type { NameLookups } from './name-lookups.ts';

export interface FunctionInputs {
  /** The keys that the template sees. */
  readonly keys: ReadonlyMap<string, string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By name. */
  readonly filters: ReadonlyMap<string, BGPFilter>;
  readonly settings: Pick<Settings, 'normalPriority'>;
  readonly lookups: Pick<NameLookups, 'addresses' | 'servers'>;
  /** What `getBGPConfig` gives for a family. */
  readonly bgpConfig: (family: Family) => unknown;
}

interface Pair {
  readonly Key: string;
  readonly Value: string;
}

export function confdFunctions(inputs: FunctionInputs): Readonly<Record<string, TemplateFunction>> {
  return {
    ...keyFunctions(inputs.keys),
    ...textFunctions(inputs.env),
    ...nameFunctions(inputs),
    ...birdFunctions(inputs),
  };
}

function keyFunctions(keys: ReadonlyMap<string, string>): Record<string, TemplateFunction> {
  const pairs = [...keys].map(([Key, Value]): Pair => ({ Key, Value })).sort((a, b) => compareText(a.Key, b.Key));
  const matching = (pattern: unknown): readonly Pair[] => {
    const expression = globExpression(text(pattern));
    return pairs.filter(({ Key }) => expression.test(Key));
  };
  const get = (key: unknown): Pair => {
    const value = keys.get(text(key));
    if (value === undefined) throw new Error(`key does not exist: ${text(key)}`);
    return { Key: text(key), Value: value };
  };
  const below = (directory: unknown): readonly (readonly string[])[] => {
    const start = `${text(directory).replace(/\/$/, '')}/`;
    return pairs.filter(({ Key }) => Key.startsWith(start)).map(({ Key }) => Key.slice(start.length).split('/'));
  };
  const firsts = (paths: readonly (readonly string[])[]): readonly string[] => [
    ...new Set(paths.map(([first = '']) => first)),
  ];
  return {
    exists: (key) => keys.has(text(key)),
    get,
    gets: matching,
    getv: (key, ...otherwise) => {
      const value = keys.get(text(key));
      if (value === undefined && otherwise.length > 0) return otherwise[0];
      return get(key).Value;
    },
    getvs: (pattern) => matching(pattern).map(({ Value }) => Value),
    ls: (directory) => (keys.has(text(directory)) ? [posix.basename(text(directory))] : firsts(below(directory))),
    lsdir: (directory) => firsts(below(directory).filter((path) => path.length > 1)),
  };
}

function textFunctions(env: FunctionInputs['env']): Record<string, TemplateFunction> {
  return {
    base: (path) => posix.basename(text(path)) || '/',
    dir: (path) => posix.dirname(text(path)),
    json: (value) => parsed(value, false),
    jsonArray: (value) => parsed(value, true),
    map: (...entries) => {
      if (entries.length % 2 !== 0) throw new Error('map needs pairs of keys and values');
      return Object.fromEntries(entries.flatMap((key, at) => (at % 2 === 0 ? [[text(key), entries[at + 1]]] : [])));
    },
    getenv: (name, otherwise = '') => env[text(name)] ?? otherwise,
    split: (value, separator) => text(value).split(text(separator)),
    toUpper: (value) => text(value).toUpperCase(),
    toLower: (value) => text(value).toLowerCase(),
    contains: (value, part) => text(value).includes(text(part)),
    hasPrefix: (value, part) => text(value).startsWith(text(part)),
    hasSuffix: (value, part) => text(value).endsWith(text(part)),
    trimSuffix: (value, part) => (text(value).endsWith(text(part)) ? text(value).slice(0, -text(part).length) : value),
    replace: (value, old, by, times) => replaced(text(value), text(old), text(by), Number(times)),
    fileExists: (path) => existsSync(text(path)),
    base64Encode: (value) => Buffer.from(text(value)).toString('base64'),
    base64Decode: (value) => Buffer.from(text(value), 'base64').toString('utf8'),
  };
}

/** What changes without the store: it is looked at anew when something else has a file rendered. */
function nameFunctions({ lookups }: FunctionInputs): Record<string, TemplateFunction> {
  return {
    datetime: () => `${new Date().toISOString().replace('T', ' ').replace('Z', '')} +0000 UTC`,
    lookupIP: (name) => lookups.addresses(text(name)),
    lookupSRV: (service, protocol, name) => lookups.servers(text(service), text(protocol), text(name)),
  };
}

function birdFunctions({ filters, settings, bgpConfig }: FunctionInputs): Record<string, TemplateFunction> {
  return {
    getBGPConfig: (version) => bgpConfig(familyOf(version)),
    hashToIPv4: (name) => routerId('hash', text(name), undefined),
    bgpFilterFunctionName: (name, direction, version) => {
      const lower = text(direction).toLowerCase();
      if (lower !== 'import' && lower !== 'export') throw new Error(`direction "${lower}": give import or export`);
      return functionSymbol(text(name), lower, familyOf(version));
    },
    bgpFilterBIRDFuncs: (pairs, version) => {
      const names = Array.isArray(pairs) ? pairs.map((pair: Pair) => posix.basename(pair.Key)) : [];
      const known = names.flatMap((name) => filters.get(name) ?? []);
      return filterFunctions({ filters: known, settings }, familyOf(version), () => undefined).sections.flat();
    },
  };
}

function familyOf(version: unknown): Family {
  const number = Number(version);
  if (number === 4 || number === 6) return number;
  throw new Error('give 4 or 6 as the version');
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new Error('expected text');
}

function parsed(value: unknown, isList: boolean): unknown {
  const result: unknown = JSON.parse(text(value));
  if (Array.isArray(result) === isList && typeof result === 'object') return result;
  throw new Error(`expected a JSON ${isList ? 'array' : 'object'}`);
}

/** The first so many occurrences; all where the number is negative. */
function replaced(value: string, old: string, by: string, times: number): string {
  const parts = value.split(old);
  const kept = times < 0 ? parts.length : Math.min(parts.length, times + 1);
  const head = parts.slice(0, kept).join(by);
  return kept === parts.length ? head : [head, ...parts.slice(kept)].join(old);
}

/** `*` and `?` do not cross a `/`, as in Go's path.Match. */
function globExpression(pattern: string): RegExp {
  const source = pattern.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${source.replaceAll('*', '[^/]*').replaceAll('?', '[^/]')}$`);
}

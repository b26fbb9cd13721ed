/*
 * IPAM's part of an export: every block affinity, block, handle and the configuration with the keys of Calico's
 * store layout, in JSON.
 */
import {
  affinityKey,
  affinityPrefix,
  blockKey,
  blockPrefix,
  decodeAffinity,
  decodeBlock,
  decodeHandle,
  decodeIpamConfig,
  encodeAffinity,
  encodeBlock,
  encodeHandle,
  encodeIpamConfig,
  goJsonStringify,
  handleKey,
  handlePrefix,
  ipamConfigKey,
  parseAffinityKey,
  parseBlockKey,
  parseHandleKey,
  parseLosslessJson,
  type AllocationAttribute,
  type AllocationBlock,
} from '@calico-node/model';
import { indentJson } from '../../output/indent-json.ts';
import type { NodeNames } from './exported-resource.ts';

/** A key and value as stored. */
export interface Entry {
  readonly key: string;
  readonly value: string;
}

export interface IpamDump {
  readonly affinities: readonly Entry[];
  readonly blocks: readonly Entry[];
  readonly handles: readonly Entry[];
  readonly config: Entry | undefined;
}

/** What the keys of a dump's parts start with; the keys of `host` and `virtual` affinities. */
export const IPAM_PREFIXES = {
  affinities: [affinityPrefix('host'), affinityPrefix('virtual')],
  blocks: blockPrefix(),
  handles: handlePrefix,
} as const;

/** The handles of tunnel addresses end with their node's name. */
const TUNNEL_HANDLE =
  /^(ipip-tunnel-addr-|vxlan-tunnel-addr-|vxlan-v6-tunnel-addr-|wireguard-tunnel-addr-|wireguard-v6-tunnel-addr-)(.+)$/s;

function renamedHandle(id: string, names: NodeNames): string {
  const [, prefix = '', node = ''] = TUNNEL_HANDLE.exec(id) ?? [];
  const name = names.get(node);
  return name === undefined ? id : `${prefix}${name}`;
}

function renamedAttribute(attribute: AllocationAttribute, names: NodeNames): AllocationAttribute {
  const { handle_id: handle, secondary } = attribute;
  const node = secondary === undefined ? undefined : names.get(secondary['node'] ?? '');
  return {
    ...attribute,
    ...(handle === undefined ? {} : { handle_id: renamedHandle(handle, names) }),
    ...(node === undefined ? {} : { secondary: { ...secondary, node } }),
  };
}

function renamedBlock(block: AllocationBlock, names: NodeNames): AllocationBlock {
  const { affinity, attributes } = block;
  const host = affinity?.startsWith('host:') === true ? names.get(affinity.slice('host:'.length)) : undefined;
  return {
    ...block,
    affinity: host === undefined ? affinity : `host:${host}`,
    attributes: attributes?.map((attribute) => renamedAttribute(attribute, names)) ?? null,
  };
}

/** The dump with nodes under other names. Entries under keys that are not IPAM's are left out. */
export function renamedDump(dump: IpamDump, names: NodeNames): IpamDump {
  return {
    affinities: dump.affinities.flatMap(({ key, value }) => {
      const affinity = parseAffinityKey(key);
      if (affinity === undefined) return [];
      const { type, host, cidr } = affinity;
      const name = type === 'host' ? (names.get(host) ?? host) : host;
      return [{ key: affinityKey(type, name, cidr), value: encodeAffinity(decodeAffinity(value)) }];
    }),
    blocks: dump.blocks.flatMap(({ key, value }) =>
      parseBlockKey(key) === undefined ? [] : [{ key, value: encodeBlock(renamedBlock(decodeBlock(value), names)) }],
    ),
    handles: dump.handles.flatMap(({ key, value }) => {
      const id = parseHandleKey(key);
      if (id === undefined) return [];
      return [{ key: handleKey(renamedHandle(id, names)), value: encodeHandle(decodeHandle(value)) }];
    }),
    config:
      dump.config === undefined
        ? undefined
        : { key: ipamConfigKey, value: encodeIpamConfig(decodeIpamConfig(dump.config.value)) },
  };
}

/** The dump in Go's layout; parts without entries are left out. */
export function renderDump({ affinities, blocks, handles, config }: IpamDump): string {
  const entryText = ({ key, value }: Entry): string => `{"Key":${goJsonStringify(key)},"Value":${value},"TTL":0}`;
  const parts = Object.entries({ block_affinities: affinities, blocks, handles }).flatMap(([name, entries]) =>
    entries.length === 0 ? [] : [`"${name}":[${entries.map(entryText).join(',')}]`],
  );
  if (config !== undefined) parts.push(`"config":${entryText(config)}`);
  return indentJson(`{${parts.join(',')}}`);
}

/** Reads what {@link renderDump}, or Calico, wrote. @throws SyntaxError, ValidationError */
export function parseDump(text: string): IpamDump {
  const dump = record(parseLosslessJson(text), 'the IPAM part');
  return {
    affinities: entries(dump['block_affinities'], 'block_affinities', (key, value) => {
      if (parseAffinityKey(key) === undefined) throw new SyntaxError(`${key} is not the key of a block affinity`);
      return encodeAffinity(decodeAffinity(value));
    }),
    blocks: entries(dump['blocks'], 'blocks', (key, value) => {
      const block = decodeBlock(value);
      if (key !== blockKey(block.cidr)) throw new SyntaxError(`${key} is not the key of block ${block.cidr}`);
      return encodeBlock(block);
    }),
    handles: entries(dump['handles'], 'handles', (key, value) => {
      if (parseHandleKey(key) === undefined) throw new SyntaxError(`${key} is not the key of a handle`);
      return encodeHandle(decodeHandle(value));
    }),
    config: entries(dump['config'] === undefined ? [] : [dump['config']], 'config', (key, value) => {
      if (key !== ipamConfigKey) throw new SyntaxError(`${key} is not the key of the IPAM configuration`);
      return encodeIpamConfig(decodeIpamConfig(value));
    })[0],
  };
}

/** How many entries a dump has. */
export function dumpSize({ affinities, blocks, handles, config }: IpamDump): number {
  return affinities.length + blocks.length + handles.length + (config === undefined ? 0 : 1);
}

function entries(value: unknown, name: string, recode: (key: string, value: string) => string): readonly Entry[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new SyntaxError(`${name} must be a list`);
  return value.map((item: unknown) => {
    const { Key: key, Value: stored } = record(item, name);
    if (typeof key !== 'string') throw new SyntaxError(`an entry of ${name} has no Key`);
    return { key, value: recode(key, goJsonStringify(record(stored, `the Value of ${key}`))) };
  });
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SyntaxError(`${what} must be an object`);
  }
  return { ...value };
}

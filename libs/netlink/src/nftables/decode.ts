import type { Attributes } from '../attributes.ts';
import { readAttributes } from '../attributes.ts';
import type { NetlinkMessage } from '../message.ts';
import { readElement, type SetElement } from './element.ts';
import { familyOfNumber, type TableFamily } from './family.ts';
import {
  chainAttribute,
  DEVICE_NAME,
  elementListAttribute,
  FLOW_TABLE_COUNTER,
  flowTableAttribute,
  flowTableHookAttribute,
  hookAttribute,
  ruleAttribute,
  setAttribute,
  setFlag,
  tableAttribute,
  TABLE_DORMANT,
} from './numbers.ts';
import { hookNumber, type ChainHook } from './transaction.ts';
import { decodeRuleComment } from './user-data.ts';

/** Every nf_tables message begins with struct nfgenmsg. */
export const NFGENMSG_BYTES = 4;

/** A table as the kernel has it. */
export interface KernelTable {
  /** Its base chains are not called. */
  readonly isDormant: boolean;
}

/** A chain as the kernel has it. */
export interface KernelChain {
  readonly name: string;
  readonly handle: bigint;
  /** Present for base chains. */
  readonly base?: {
    readonly type: string;
    readonly hook: ChainHook | undefined;
    readonly priority: number;
    readonly policy: 'accept' | 'drop';
  };
}

/** A rule as the kernel has it. */
export interface KernelRule {
  readonly chain: string;
  readonly handle: bigint;
  readonly comment?: string;
}

/** A set or map as the kernel has it. */
export interface KernelSet {
  readonly name: string;
  readonly isAnonymous: boolean;
  readonly isInterval: boolean;
  readonly isMap: boolean;
  /** NFTA_SET_KEY_TYPE and the key's length: what tells whether a set is of the wanted type. */
  readonly keyType: number;
  readonly keyBytes: number;
}

/** A flow table as the kernel has it. */
export interface KernelFlowTable {
  readonly name: string;
  readonly devices: readonly string[];
  readonly isCounting: boolean;
}

const hookOf = new Map(Object.entries(hookNumber).map(([name, number]) => [number, name as ChainHook]));

/** The family that a message is about. */
export function readFamily(message: NetlinkMessage): TableFamily | undefined {
  return familyOfNumber(message.body[0] ?? 0);
}

export function readBody(message: NetlinkMessage): Attributes {
  return readAttributes(message.body, NFGENMSG_BYTES);
}

export function readTable(attributes: Attributes): KernelTable {
  return { isDormant: ((attributes.be32(tableAttribute.flags) ?? 0) & TABLE_DORMANT) !== 0 };
}

/** Reads a NEWCHAIN message of the table; `undefined` for another table's, since chain dumps have no filter. */
export function readChain(attributes: Attributes, table: string): KernelChain | undefined {
  if (attributes.string(chainAttribute.table) !== table) return undefined;
  const hook = attributes.nested(chainAttribute.hook);
  const chain = {
    name: attributes.string(chainAttribute.name) ?? '',
    handle: attributes.be64(chainAttribute.handle) ?? 0n,
  };
  if (hook === undefined) return chain;
  return {
    ...chain,
    base: {
      type: attributes.string(chainAttribute.type) ?? '',
      hook: hookOf.get(hook.be32(hookAttribute.number) ?? -1),
      priority: (hook.be32(hookAttribute.priority) ?? 0) | 0,
      policy: attributes.be32(chainAttribute.policy) === 0 ? 'drop' : 'accept',
    },
  };
}

export function readRule(attributes: Attributes): KernelRule {
  const userData = attributes.bytes(ruleAttribute.userData);
  const comment = userData === undefined ? undefined : decodeRuleComment(userData);
  return {
    chain: attributes.string(ruleAttribute.chain) ?? '',
    handle: attributes.be64(ruleAttribute.handle) ?? 0n,
    ...(comment === undefined ? {} : { comment }),
  };
}

export function readSet(attributes: Attributes): KernelSet {
  const flags = attributes.be32(setAttribute.flags) ?? 0;
  return {
    name: attributes.string(setAttribute.name) ?? '',
    isAnonymous: (flags & setFlag.anonymous) !== 0,
    isInterval: (flags & setFlag.interval) !== 0,
    isMap: (flags & setFlag.map) !== 0,
    keyType: attributes.be32(setAttribute.keyType) ?? 0,
    keyBytes: attributes.be32(setAttribute.keyLength) ?? 0,
  };
}

/** Text up to its NUL. */
function textOf(value: Uint8Array): string {
  const nul = value.indexOf(0);
  return new TextDecoder().decode(nul < 0 ? value : value.subarray(0, nul));
}

/** Reads a NEWFLOWTABLE message. */
export function readFlowTable(attributes: Attributes): KernelFlowTable {
  const devices = attributes.nested(flowTableAttribute.hook)?.nested(flowTableHookAttribute.devices);
  return {
    name: attributes.string(flowTableAttribute.name) ?? '',
    devices: (devices?.entries() ?? []).filter(({ type }) => type === DEVICE_NAME).map(({ value }) => textOf(value)),
    isCounting: ((attributes.be32(flowTableAttribute.flags) ?? 0) & FLOW_TABLE_COUNTER) !== 0,
  };
}

/** Reads the elements of one message of an element dump. */
export function readElements(attributes: Attributes): SetElement[] {
  return attributes
    .list(elementListAttribute.elements)
    .map(readElement)
    .filter((element) => element !== undefined);
}

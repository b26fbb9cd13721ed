import type { Family } from '@calico-node/net';
import { AttributeWriter, viewOf } from '../attribute-writer.ts';
import { readAttributes } from '../attributes.ts';
import { messageFlag, type NetlinkMessage, type NetlinkRequest } from '../message.ts';
import { addressFamily, familyOfNumber, rtm } from './kernel-numbers.ts';

/** FRA_* (include/uapi/linux/fib_rules.h). */
const ruleAttribute = { priority: 6, mark: 10, table: 15, markMask: 16, protocol: 21 } as const;
/** FRA_DST, FRA_SRC, FRA_IIFNAME, FRA_FLOW, FRA_TUN_ID, FRA_OIFNAME, FRA_L3MDEV, FRA_UID_RANGE, FRA_*PORT_RANGE, FRA_IP_PROTO. */
const selectors = [1, 2, 3, 11, 12, 17, 19, 20, 22, 23, 24];
const FR_ACT_TO_TABLE = 1;
const FIB_RULE_INVERT = 2;
const HEADER_BYTES = 12;

/** Which packets look into which table. */
export interface RoutingRule {
  readonly family: Family;
  /** Lower is asked first. */
  readonly priority: number;
  readonly table: number;
  /** Packets whose mark has `value` under `mask`, or `isInverted`, all others. */
  readonly mark?: { readonly value: number; readonly mask: number };
  readonly isInverted?: boolean;
  /** It asks for more than a mark: addresses, interfaces, ports and the like. Read only. */
  readonly isSelective?: true;
}

export interface RoutingRuleSpec extends RoutingRule {
  /** RTPROT_* of who made it. */
  readonly protocol?: number;
}

function body({ family, priority, table, mark, isInverted, protocol }: RoutingRuleSpec): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  header[0] = addressFamily(family);
  header[4] = table > 255 ? 0 : table;
  header[7] = FR_ACT_TO_TABLE;
  viewOf(header).setUint32(8, isInverted === true ? FIB_RULE_INVERT : 0, true);
  const writer = new AttributeWriter(header, 64);
  writer.u32(ruleAttribute.priority, priority).u32(ruleAttribute.table, table);
  if (mark !== undefined) writer.u32(ruleAttribute.mark, mark.value).u32(ruleAttribute.markMask, mark.mask);
  if (protocol !== undefined) writer.u8(ruleAttribute.protocol, protocol);
  return writer.finish();
}

/** Fails with EEXIST when there is one that is the same. */
export function addRule(rule: RoutingRuleSpec): NetlinkRequest {
  const flags = messageFlag.create | messageFlag.exclusive;
  return { type: rtm.newRule, flags, body: body(rule), label: `add rule ${rule.priority} to table ${rule.table}` };
}

/** Fails with ENOENT when there is none. */
export function deleteRule(rule: RoutingRule): NetlinkRequest {
  const label = `delete rule ${rule.priority} to table ${rule.table}`;
  return { type: rtm.deleteRule, flags: 0, body: body(rule), label };
}

export function listRulesRequest(family: Family): NetlinkRequest {
  const header = new Uint8Array(HEADER_BYTES);
  header[0] = addressFamily(family);
  return { type: rtm.getRule, flags: 0, body: header, label: `list IPv${family} rules` };
}

/** Reads an RTM_NEWRULE or RTM_DELRULE message; `undefined` for others, and for rules that lead to no table. */
export function decodeRule({ type, body: bytes }: Pick<NetlinkMessage, 'type' | 'body'>): RoutingRule | undefined {
  if ((type !== rtm.newRule && type !== rtm.deleteRule) || bytes.length < HEADER_BYTES) return undefined;
  const view = viewOf(bytes);
  const family = familyOfNumber(view.getUint8(0));
  if (family === undefined || view.getUint8(7) !== FR_ACT_TO_TABLE) return undefined;
  const attributes = readAttributes(bytes, HEADER_BYTES);
  const value = attributes.u32(ruleAttribute.mark);
  const mask = attributes.u32(ruleAttribute.markMask);
  return {
    family,
    priority: attributes.u32(ruleAttribute.priority) ?? 0,
    table: attributes.u32(ruleAttribute.table) ?? view.getUint8(4),
    ...(value === undefined && mask === undefined ? {} : { mark: { value: value ?? 0, mask: mask ?? 0xffffffff } }),
    ...((view.getUint32(8, true) & FIB_RULE_INVERT) === 0 ? {} : { isInverted: true }),
    ...(selectors.some((type) => attributes.has(type)) ? { isSelective: true } : {}),
  };
}

import { AttributeWriter } from '../attribute-writer.ts';
import { messageFlag, type NetlinkRequest } from '../message.ts';
import { writeElements, type SetElement } from './element.ts';
import { ANONYMOUS_SET_NAME, anonymousSetOf, writeExpressions } from './encode-expression.ts';
import type { AnonymousSet, AnonymousVerdictMap, Expression } from './expression.ts';
import { familyNumber, type TableFamily, type TableId } from './family.ts';
import {
  chainAttribute,
  DEVICE_NAME,
  elementListAttribute,
  FLOW_TABLE_COUNTER,
  flowTableAttribute,
  flowTableHookAttribute,
  hookAttribute,
  messageType,
  ruleAttribute,
  setAttribute,
  setDescription,
  setFlag,
  tableAttribute,
  TABLE_OWNER,
  VERDICT_DATA_TYPE,
  LIST_ELEMENT,
} from './numbers.ts';
import { keyLayout, type SetType } from './set-type.ts';
import { encodeKeyByteOrder, encodeRuleComment } from './user-data.ts';

/** Where in the kernel's packet path a base chain is called (NF_INET_*). */
export type ChainHook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

export const hookNumber: Readonly<Record<ChainHook, number>> = {
  prerouting: 0,
  input: 1,
  forward: 2,
  output: 3,
  postrouting: 4,
};

/** NF_NETDEV_INGRESS. */
const NETDEV_INGRESS = 0;

/** Where ARP is looked at (NF_ARP_*); it is neither routed nor forwarded here. */
const arpHookNumber: Readonly<Partial<Record<ChainHook, number>>> = { input: 0, output: 1 };

/** What makes a chain a base chain. */
export interface BaseChain {
  readonly type: 'filter' | 'nat' | 'route';
  readonly hook: ChainHook;
  /** Lower runs earlier; signed. */
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
}

export interface RuleSpec {
  readonly expressions: readonly Expression[];
  readonly comment?: string;
}

/** A named set, map or verdict map. */
export interface SetSpec {
  readonly name: string;
  readonly type: SetType;
  readonly interval?: boolean;
  readonly isVerdictMap?: boolean;
  /** The most elements that it may hold; the kernel refuses more. */
  readonly size?: number;
}

/** A table of connections whose packets go past the chains of the forward hook. */
export interface FlowTableSpec {
  readonly name: string;
  /** Interfaces at whose ingress packets are looked up; each must be there. */
  readonly devices: readonly string[];
  /** Among what else looks at packets at ingress; lower is earlier. */
  readonly priority: number;
  /** Whether connections' counters of packets and bytes go on (kernel 5.7). */
  readonly isCounting: boolean;
}

/** struct nfgenmsg: family, version, resource id. */
function header(family: TableFamily): Uint8Array {
  return Uint8Array.of(familyNumber[family], 0, 0, 0);
}

/**
 * Changes to one table, in the order in which the kernel is to make them; all of them happen, or none
 * (`NftablesSocket.commit`). Nothing is sent from here. Later changes may refer to what earlier ones
 * create. Deleting something that others refer to, or that is not there, fails the whole.
 */
export class Transaction {
  readonly table: TableId;
  readonly #requests: NetlinkRequest[] = [];
  #nextSetId = 1;

  constructor(table: TableId) {
    this.table = table;
  }

  /** The changes so far, without the frame of the batch. */
  get requests(): readonly NetlinkRequest[] {
    return this.#requests;
  }

  get isEmpty(): boolean {
    return this.#requests.length === 0;
  }

  /**
   * Creates the table; harmless when it is there, and wakes it when it is dormant. One that is `owned` nobody else may
   * change, and it is gone with the socket that made it (kernel 5.12).
   */
  addTable({ owned = false } = {}): this {
    const { name } = this.table;
    return this.#push(messageType.newTable, messageFlag.create, `add table ${name}`, (writer) =>
      writer.string(tableAttribute.name, name).be32(tableAttribute.flags, owned ? TABLE_OWNER : 0),
    );
  }

  /** Deletes the table with all that is in it. */
  deleteTable(): this {
    const { name } = this.table;
    return this.#push(messageType.deleteTable, 0, `delete table ${name}`, (writer) =>
      writer.string(tableAttribute.name, name),
    );
  }

  /** Creates a chain, with `base` one that the kernel calls; harmless when it is there in the same form. */
  addChain(chain: string, base?: BaseChain): this {
    return this.#push(messageType.newChain, messageFlag.create, `add chain ${chain}`, (writer) => {
      this.#tableAnd(writer, chainAttribute.table).string(chainAttribute.name, chain);
      if (base === undefined) return;
      const arpNumber = this.table.family === 'arp' ? arpHookNumber[base.hook] : undefined;
      writer.nested(chainAttribute.hook, (hook) => {
        hook
          .be32(hookAttribute.number, arpNumber ?? hookNumber[base.hook])
          .be32(hookAttribute.priority, base.priority >>> 0);
      });
      writer.be32(chainAttribute.policy, base.policy === 'accept' ? 1 : 0).string(chainAttribute.type, base.type);
    });
  }

  /** Deletes an empty chain to which nothing refers. */
  deleteChain(chain: string): this {
    return this.#push(messageType.deleteChain, 0, `delete chain ${chain}`, (writer) =>
      this.#tableAnd(writer, chainAttribute.table).string(chainAttribute.name, chain),
    );
  }

  /** Deletes all rules of a chain. */
  flushChain(chain: string): this {
    return this.#push(messageType.deleteRule, 0, `flush chain ${chain}`, (writer) =>
      this.#tableAnd(writer, ruleAttribute.table).string(ruleAttribute.chain, chain),
    );
  }

  /** Puts a rule at the end of a chain; its anonymous sets are made with it. */
  addRule(chain: string, rule: RuleSpec): this {
    const ids = new Map<AnonymousSet | AnonymousVerdictMap, number>();
    for (const expression of rule.expressions) {
      const set = anonymousSetOf(expression);
      if (set === undefined || ids.has(set)) continue;
      ids.set(set, this.#addAnonymousSet(set, expression.type === 'verdict-map' ? setFlag.map : 0));
    }
    const label = `add rule to chain ${chain}${rule.comment === undefined ? '' : ` (${rule.comment})`}`;
    return this.#push(messageType.newRule, messageFlag.create | messageFlag.append, label, (writer) => {
      this.#tableAnd(writer, ruleAttribute.table).string(ruleAttribute.chain, chain);
      writer.nested(ruleAttribute.expressions, (list) => {
        writeExpressions(list, rule.expressions, (set) => ids.get(set) ?? 0);
      });
      if (rule.comment !== undefined) writer.bytes(ruleAttribute.userData, encodeRuleComment(rule.comment));
    });
  }

  deleteRule(chain: string, handle: bigint): this {
    return this.#push(messageType.deleteRule, 0, `delete rule ${handle} of chain ${chain}`, (writer) =>
      this.#tableAnd(writer, ruleAttribute.table).string(ruleAttribute.chain, chain).be64(ruleAttribute.handle, handle),
    );
  }

  /** Creates a set or map; harmless when it is there in the same form. */
  addSet(set: SetSpec): this {
    const flags = (set.interval === true ? setFlag.interval : 0) | (set.isVerdictMap === true ? setFlag.map : 0);
    this.#addSet(set.name, set.type, flags, this.#nextSetId++, set.size);
    return this;
  }

  /** Deletes a set that no rule uses. */
  deleteSet(name: string): this {
    return this.#push(messageType.deleteSet, 0, `delete set ${name}`, (writer) =>
      this.#tableAnd(writer, setAttribute.table).string(setAttribute.name, name),
    );
  }

  /** Creates a flow table, or adds devices to one that is there with the same priority (kernel 5.8). */
  addFlowTable({ name, devices, priority, isCounting }: FlowTableSpec): this {
    return this.#push(messageType.newFlowTable, messageFlag.create, `add flow table ${name}`, (writer) => {
      this.#tableAnd(writer, flowTableAttribute.table).string(flowTableAttribute.name, name);
      writer.nested(flowTableAttribute.hook, (hook) => {
        hook.be32(flowTableHookAttribute.number, NETDEV_INGRESS);
        hook.be32(flowTableHookAttribute.priority, priority >>> 0);
        if (devices.length === 0) return;
        hook.nested(flowTableHookAttribute.devices, (list) => {
          for (const device of devices) list.string(DEVICE_NAME, device);
        });
      });
      if (isCounting) writer.be32(flowTableAttribute.flags, FLOW_TABLE_COUNTER);
    });
  }

  /** Adds elements; harmless for those that are there with the same data. */
  addElements(set: string, elements: readonly SetElement[]): this {
    return this.#elements(messageType.newSetElement, messageFlag.create, set, elements);
  }

  /** Deletes elements; each must be there. */
  deleteElements(set: string, elements: readonly SetElement[]): this {
    return this.#elements(messageType.deleteSetElement, 0, set, elements);
  }

  #elements(type: number, flags: number, set: string, elements: readonly SetElement[], setId?: number): this {
    const verb = type === messageType.newSetElement ? 'add elements to' : 'delete elements of';
    for (let start = 0; start < elements.length;) {
      const from = start;
      this.#push(type, flags, `${verb} set ${set}`, (writer) => {
        this.#tableAnd(writer, elementListAttribute.table).string(elementListAttribute.set, set);
        if (setId !== undefined) writer.be32(elementListAttribute.setId, setId);
        start = writeElements(writer, elementListAttribute.elements, elements, from);
      });
    }
    return this;
  }

  #addAnonymousSet(set: AnonymousSet | AnonymousVerdictMap, kind: number): number {
    const id = this.#nextSetId++;
    const flags = kind | setFlag.anonymous | setFlag.constant | (set.interval ? setFlag.interval : 0);
    this.#addSet(ANONYMOUS_SET_NAME, set.type, flags, id, set.interval ? undefined : set.elements.length);
    this.#elements(messageType.newSetElement, messageFlag.create, ANONYMOUS_SET_NAME, set.elements, id);
    return id;
  }

  #addSet(name: string, type: SetType, flags: number, id: number, size: number | undefined): void {
    const layout = keyLayout(type);
    const isMap = (flags & setFlag.map) !== 0;
    const allFlags = flags | (layout.fieldBytes.length > 0 ? setFlag.concat : 0);
    this.#push(messageType.newSet, messageFlag.create, `add set ${name}`, (writer) => {
      this.#tableAnd(writer, setAttribute.table).string(setAttribute.name, name).be32(setAttribute.flags, allFlags);
      writer.be32(setAttribute.keyType, layout.dataType).be32(setAttribute.keyLength, layout.bytes);
      if (isMap) writer.be32(setAttribute.dataType, VERDICT_DATA_TYPE).be32(setAttribute.dataLength, 16);
      writer.be32(setAttribute.id, id);
      writer.nested(setAttribute.description, (description) => {
        if (size !== undefined) description.be32(setDescription.size, size);
        if (layout.fieldBytes.length === 0) return;
        description.nested(setDescription.concat, (list) => {
          for (const bytes of layout.fieldBytes) list.nested(LIST_ELEMENT, (field) => field.be32(1, bytes));
        });
      });
      writer.bytes(setAttribute.userData, encodeKeyByteOrder(layout.byteOrder));
    });
  }

  #tableAnd(writer: AttributeWriter, attribute: number): AttributeWriter {
    return writer.string(attribute, this.table.name);
  }

  #push(type: number, flags: number, label: string, write: (writer: AttributeWriter) => unknown): this {
    const writer = new AttributeWriter(header(this.table.family));
    write(writer);
    this.#requests.push({ type, flags, body: writer.finish(), label });
    return this;
  }
}

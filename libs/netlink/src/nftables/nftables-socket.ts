import { AttributeWriter } from '../attribute-writer.ts';
import type { NetlinkRequest } from '../message.ts';
import type { NetnsRef } from '../netns.ts';
import { NetlinkError } from '../netlink-error.ts';
import { NetlinkSocket, type BatchOutcome } from '../netlink-socket.ts';
import {
  readBody,
  readChain,
  readElements,
  readFlowTable,
  readRule,
  readSet,
  readTable,
  type KernelChain,
  type KernelFlowTable,
  type KernelRule,
  type KernelSet,
  type KernelTable,
} from './decode.ts';
import type { SetElement } from './element.ts';
import { familyNumber, type TableId } from './family.ts';
import { NftablesError, type RefusedChange } from './nftables-error.ts';
import {
  batchType,
  elementListAttribute,
  flowTableAttribute,
  messageType,
  ruleAttribute,
  setAttribute,
  tableAttribute,
} from './numbers.ts';
import type { Transaction } from './transaction.ts';

/** struct nfgenmsg of a batch's frame: the resource id is the subsystem in network order. */
const batchFrame = Uint8Array.of(0, 0, 0, 10);

/** Reads and changes nf_tables in one network namespace (nfnetlink, subsystem 10). */
export class NftablesSocket implements Disposable {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  static open(options: { readonly netns?: NetnsRef } = {}): NftablesSocket {
    return new NftablesSocket(NetlinkSocket.open({ protocol: 'netfilter', ...options }));
  }

  /** Events that this socket's own commits cause carry it. */
  get portId(): number {
    return this.#socket.portId;
  }

  /**
   * Has the kernel make all changes of the transactions at once, or none. Nothing is sent for no changes.
   * @throws NftablesError when the kernel refuses.
   */
  commit(...transactions: readonly Transaction[]): void {
    const requests = frame(transactions);
    if (requests === undefined) return;
    check(this.#socket.transact(requests, { ackIndex: requests.length - 2 }));
  }

  /** `commit` with the kernel's work off the main thread. */
  async commitAsync(...transactions: readonly Transaction[]): Promise<void> {
    const requests = frame(transactions);
    if (requests === undefined) return;
    check(await this.#socket.transactAsync(requests, { ackIndex: requests.length - 2 }));
  }

  /** The table as the kernel has it, if it has. */
  getTable(table: TableId): KernelTable | undefined {
    const request = get(messageType.getTable, table, 'get table', (writer) =>
      writer.string(tableAttribute.name, table.name),
    );
    return this.#listed(() => this.#socket.request(request, (message) => readTable(readBody(message))))[0];
  }

  /** The chains of a table; none when there is no such table. */
  listChains(table: TableId): KernelChain[] {
    const request = get(messageType.getChain, table, 'list chains', (writer) => writer);
    return this.#socket.dump(request, (message) => readChain(readBody(message), table.name));
  }

  /** The rules of a table, chain by chain in their order; none when there is no such table. */
  listRules(table: TableId): KernelRule[] {
    const request = get(messageType.getRule, table, 'list rules', (writer) =>
      writer.string(ruleAttribute.table, table.name),
    );
    return this.#listed(() => this.#socket.dump(request, (message) => readRule(readBody(message))));
  }

  /** The sets and maps of a table, anonymous ones too; none when there is no such table. */
  listSets(table: TableId): KernelSet[] {
    const request = get(messageType.getSet, table, 'list sets', (writer) =>
      writer.string(setAttribute.table, table.name),
    );
    return this.#listed(() => this.#socket.dump(request, (message) => readSet(readBody(message))));
  }

  /** The flow tables of a table; none when there is no such table. */
  listFlowTables(table: TableId): KernelFlowTable[] {
    const request = get(messageType.getFlowTable, table, 'list flow tables', (writer) =>
      writer.string(flowTableAttribute.table, table.name),
    );
    return this.#listed(() => this.#socket.dump(request, (message) => readFlowTable(readBody(message))));
  }

  /** The elements of a set; none when there is no such set. */
  listElements(table: TableId, set: string): SetElement[] {
    const request = get(messageType.getSetElement, table, `list set ${set}`, (writer) =>
      writer.string(elementListAttribute.table, table.name).string(elementListAttribute.set, set),
    );
    return this.#listed(() => this.#socket.dump(request, (message) => readElements(readBody(message)))).flat();
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Nothing, where the kernel says that there is no such table or set. */
  #listed<T>(list: () => T[]): T[] {
    try {
      return list();
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'ENOENT') return [];
      throw error;
    }
  }
}

function get(
  type: number,
  table: TableId,
  label: string,
  write: (writer: AttributeWriter) => AttributeWriter,
): NetlinkRequest {
  const writer = new AttributeWriter(Uint8Array.of(familyNumber[table.family], 0, 0, 0));
  return { type, flags: 0, body: write(writer).finish(), label: `${label} of ${table.family} ${table.name}` };
}

/** The batch's messages, or nothing when there is nothing to do. */
function frame(transactions: readonly Transaction[]): NetlinkRequest[] | undefined {
  const changes = transactions.flatMap(({ requests }) => requests);
  if (changes.length === 0) return undefined;
  return [
    { type: batchType.begin, flags: 0, body: batchFrame },
    ...changes,
    { type: batchType.end, flags: 0, body: batchFrame },
  ];
}

function check(outcome: BatchOutcome): void {
  const last = outcome.length - 1;
  const [first, ...rest] = outcome.flatMap((error, index): RefusedChange[] =>
    error === undefined ? [] : [{ index: index === 0 || index === last ? undefined : index - 1, error }],
  );
  if (first !== undefined) throw new NftablesError([first, ...rest]);
}

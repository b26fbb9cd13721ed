import type { NetnsRef } from '../netns.ts';
import { NetlinkSocket } from '../netlink-socket.ts';
import { readBody, readFamily } from './decode.ts';
import type { TableFamily } from './family.ts';
import { messageType, NFTABLES_GROUP } from './numbers.ts';

/** Somebody changed something in a table. */
export interface NftablesEvent {
  readonly family: TableFamily;
  readonly table: string;
  readonly change: 'added' | 'deleted';
  readonly object: 'table' | 'chain' | 'rule' | 'set' | 'element' | 'flow-table';
  /** The netlink port whose request did it. */
  readonly portId: number;
}

export interface NftablesMonitorOptions {
  readonly netns?: NetnsRef;
  readonly onEvent: (event: NftablesEvent) => void;
  /** Events were lost: read everything again. */
  readonly onOverrun: () => void;
}

const events = new Map<number, Pick<NftablesEvent, 'change' | 'object'>>([
  [messageType.newTable, { change: 'added', object: 'table' }],
  [messageType.deleteTable, { change: 'deleted', object: 'table' }],
  [messageType.newChain, { change: 'added', object: 'chain' }],
  [messageType.deleteChain, { change: 'deleted', object: 'chain' }],
  [messageType.newRule, { change: 'added', object: 'rule' }],
  [messageType.deleteRule, { change: 'deleted', object: 'rule' }],
  [messageType.newSet, { change: 'added', object: 'set' }],
  [messageType.deleteSet, { change: 'deleted', object: 'set' }],
  [messageType.newSetElement, { change: 'added', object: 'element' }],
  [messageType.deleteSetElement, { change: 'deleted', object: 'element' }],
  [messageType.newFlowTable, { change: 'added', object: 'flow-table' }],
  [messageType.deleteFlowTable, { change: 'deleted', object: 'flow-table' }],
]);

/** The name of the table is attribute 1 of every kind of message. */
const TABLE_NAME = 1;

/** Tells of every change to nf_tables in a network namespace, whoever makes it, until it is closed. */
export class NftablesMonitor implements Disposable {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  static open(options: NftablesMonitorOptions): NftablesMonitor {
    const { netns, onEvent, onOverrun } = options;
    const socket = NetlinkSocket.open({
      protocol: 'netfilter',
      groups: [NFTABLES_GROUP],
      ...(netns === undefined ? {} : { netns }),
    });
    socket.watch({
      onMessage: (message) => {
        const event = events.get(message.type);
        const family = readFamily(message);
        if (event === undefined || family === undefined) return;
        onEvent({ ...event, family, table: readBody(message).string(TABLE_NAME) ?? '', portId: message.portId });
      },
      onOverrun,
    });
    return new NftablesMonitor(socket);
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Where hosts encrypt what they send each other, the way back to another host is the WireGuard device. The kernel's strict
 * check of source addresses (`rp_filter` 1) then finds every ARP request of a host in the same subnet to have come in by
 * the wrong interface, and does not answer: nobody can send to us. With the mark of what the device itself sends, and
 * `src_valid_mark`, ARP is looked up past the device, as it is for the device's own packets.
 */
import { NetlinkError, type NetnsRef } from '@calico-node/netlink';
import { NftablesError, NftablesSocket, Transaction, type Expression } from '@calico-node/netlink/nftables';

const table = { family: 'arp', name: 'calico' } as const;
const chain = 'wireguard-mark';

export interface ArpMarkOptions {
  readonly netns?: NetnsRef;
  readonly mark: number;
}

/** Whether what `ensureArpMark` does is done, or cannot be done here. */
export function isArpMarked({ netns, mark }: ArpMarkOptions): boolean {
  return whereArpTables(netns, (socket) => (isMarked(socket, mark) ? 0 : 1)) === 0;
}

/**
 * Marks the ARP that comes in. Gives how many changes that took. Where the kernel has no nf_tables for ARP it does
 * nothing: there, strict checks and the encryption of hosts do not go together.
 */
export function ensureArpMark({ netns, mark }: ArpMarkOptions): number {
  return whereArpTables(netns, (socket) => {
    if (isMarked(socket, mark)) return 0;
    const transaction = new Transaction(table)
      .addTable()
      .deleteTable()
      .addTable()
      .addChain(chain, { type: 'filter', hook: 'input', priority: 0, policy: 'accept' })
      .addRule(chain, { expressions: marking(mark), comment: commentOf(mark) });
    socket.commit(transaction);
    return 1;
  });
}

/** Takes the marking away. Gives how many changes that took. */
export function removeArpMark(netns?: NetnsRef): number {
  return whereArpTables(netns, (socket) => {
    if (socket.getTable(table) === undefined) return 0;
    socket.commit(new Transaction(table).deleteTable());
    return 1;
  });
}

function isMarked(socket: NftablesSocket, mark: number): boolean {
  const [rule, another] = socket.listRules(table);
  return another === undefined && rule?.comment === commentOf(mark);
}

function commentOf(mark: number): string {
  return `mark 0x${mark.toString(16)}`;
}

function whereArpTables(netns: NetnsRef | undefined, change: (socket: NftablesSocket) => number): number {
  try {
    using socket = NftablesSocket.open(netns === undefined ? {} : { netns });
    return change(socket);
  } catch (error) {
    if (error instanceof NftablesError || error instanceof NetlinkError) return 0;
    throw error;
  }
}

function marking(mark: number): readonly Expression[] {
  return [
    { type: 'meta', key: 'mark', register: 1 },
    { type: 'bitwise', register: 1, mask: word(~mark), xor: word(mark) },
    { type: 'meta-set', key: 'mark', register: 1 },
  ];
}

/** In the host's order, as the kernel has marks. */
function word(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value >>> 0).buffer);
}

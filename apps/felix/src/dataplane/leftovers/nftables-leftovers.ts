import type { NetnsRef } from '@calico-node/netlink';
import { NftablesSocket, Transaction, type TableId } from '@calico-node/netlink/nftables';
import { tableOf } from '../nftables/kernel-names.ts';
import type { Leftovers } from './leftovers.ts';

/** The tables `ip calico` and `ip6 calico`. */
export class NftablesLeftovers implements Leftovers {
  readonly name = 'nftables';
  readonly #netns: NetnsRef | undefined;

  constructor(netns?: NetnsRef) {
    this.#netns = netns;
  }

  isInForce(): boolean {
    using socket = this.#open();
    return tables(socket).some(
      (table) =>
        socket.getTable(table)?.isDormant === false &&
        socket.listChains(table).some(({ base }) => base?.hook === 'forward' && base.type === 'filter'),
    );
  }

  async remove(): Promise<boolean> {
    using socket = this.#open();
    const found = tables(socket);
    await socket.commitAsync(...found.map((table) => new Transaction(table).deleteTable()));
    return found.length > 0;
  }

  #open(): NftablesSocket {
    return NftablesSocket.open(this.#netns === undefined ? {} : { netns: this.#netns });
  }
}

/** Those of ours that there are. */
function tables(socket: NftablesSocket): TableId[] {
  return ([4, 6] as const).map(tableOf).filter((table) => socket.getTable(table) !== undefined);
}

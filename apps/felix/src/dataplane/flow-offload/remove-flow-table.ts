import type { NetnsRef } from '@calico-node/netlink';
import { NftablesSocket, Transaction, type TableId } from '@calico-node/netlink/nftables';

/** All of it is ours. */
export const flowTableId: TableId = { family: 'inet', name: 'calico-flows' };

/** Takes away the flow table that an earlier run has left, where there is one: what was in it goes back to the chains. */
export function removeFlowTable(netns?: NetnsRef): void {
  using socket = NftablesSocket.open(netns === undefined ? {} : { netns });
  if (socket.getTable(flowTableId) !== undefined) socket.commit(new Transaction(flowTableId).deleteTable());
}

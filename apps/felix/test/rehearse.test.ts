import { isolateNetwork, RouteSocket } from '@calico-node/netlink';
import { NftablesSocket } from '@calico-node/netlink/nftables';
import { expect, test } from 'vitest';
import { rehearse } from '../src/rehearse.ts';
import { defaultRuleOptions } from '../src/rules/options.ts';

isolateNetwork();

test('a rehearsal leaves nothing on the node, and may be ended at any time', async () => {
  await rehearse([4, 6], defaultRuleOptions, new AbortController().signal);
  await rehearse([4], defaultRuleOptions, AbortSignal.abort());
  using socket = RouteSocket.open();
  expect(socket.listLinks().map(({ name }) => name)).toEqual(['lo']);
  const nftables = NftablesSocket.open();
  expect(nftables.getTable({ family: 'ip', name: 'calico' })).toBeUndefined();
  nftables.close();
});

import { expect, test } from 'vitest';
import { createVeth, NetlinkError, RouteSocket } from '../src/index.ts';
import { EthtoolSocket, sentChecksums } from '../src/ethtool/index.ts';
import { scratchNetns } from './scratch.ts';

test('checksums of what a device sends are switched off, and nothing else', () => {
  using netns = scratchNetns();
  using routes = RouteSocket.open({ netns: netns.name });
  using ethtool = EthtoolSocket.open({ netns: netns.name });
  routes.apply([createVeth({ name: 'v0', peer: { name: 'v1' } })]);
  const index = routes.getLink('v0')?.index ?? 0;
  expect(ethtool.activeFeatures(index)).toContain('tx-checksum-ip-generic');
  ethtool.switchOff(index, sentChecksums);
  const left = ethtool.activeFeatures(index);
  expect(sentChecksums.filter((name) => left.has(name))).toEqual([]);
  expect(left).toContain('rx-checksum');
  ethtool.switchOff(index, sentChecksums);
  expect(ethtool.activeFeatures(index)).toEqual(left);
  const other = (routes.getLink('v1')?.index ?? 0) + 1000;
  expect(() => ethtool.activeFeatures(other)).toThrow(NetlinkError);
  expect(() => {
    ethtool.switchOff(other, sentChecksums);
  }).toThrow(NetlinkError);
});

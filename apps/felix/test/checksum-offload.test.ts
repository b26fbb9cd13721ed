import { randomBytes } from 'node:crypto';
import { parseIp, parseMac, parseNodeName } from '@calico-node/net';
import { addAddress, createNetns, createVeth, deleteNetns, RouteSocket, setLink } from '@calico-node/netlink';
import { EthtoolSocket, sentChecksums } from '@calico-node/netlink/ethtool';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ClusterNetwork } from '../src/dataplane/tunnels/cluster-network.ts';

let netns: string;

beforeEach(() => {
  netns = `cnt-${randomBytes(5).toString('hex')}`;
  createNetns(netns);
});

afterEach(() => {
  deleteNetns(netns);
});

test.each([true, false])('tunnels’ checksums are worked out before, where hardware cannot (%s)', (isBroken) => {
  using socket = RouteSocket.open({ netns });
  socket.apply([createVeth({ name: 'eth0', peer: { name: 'peer' } }), setLink({ name: 'eth0', up: true })]);
  const local = parseIp('172.16.0.1');
  socket.apply([addAddress({ interfaceIndex: socket.getLink('eth0')?.index ?? 0, ip: local, prefixLength: 24 })]);
  const hostname = parseNodeName('node1');
  using network = new ClusterNetwork({
    ...{ netns, hostname, families: [4], routeProtocol: 80, mtuInterfaces: /^eth/, vxlan: { vni: 4096, port: 4789 } },
    mtus: { ipip: 0, vxlan4: 0, vxlan6: 0, wireguard4: 0, wireguard6: 0 },
    withoutChecksumOffload: isBroken,
    onWorkloadMtu: () => undefined,
    onDirty: () => undefined,
  });
  const vxlan4 = { address: parseIp('10.65.1.1'), mac: parseMac('66:00:00:00:00:01') };
  network.update([
    { type: 'encapsulation-update', ipip: false, vxlan4: true, vxlan6: false },
    { type: 'host-update', hostname, ipv4: local, vxlan4 },
  ]);
  expect(network.apply()).toEqual([]);
  using ethtool = EthtoolSocket.open({ netns });
  const active = ethtool.activeFeatures(socket.getLink('vxlan.calico')?.index ?? 0);
  expect(sentChecksums.some((name) => active.has(name))).toBe(!isBroken);
  const { writes } = network;
  network.resync();
  expect(network.apply()).toEqual([]);
  expect(network.writes).toBe(writes);
});

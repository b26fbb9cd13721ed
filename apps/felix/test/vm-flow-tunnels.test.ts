/** Established connections past the chains of both nodes, through each sort of tunnel between them. */
import { expect, test } from 'vitest';
import type { StoreUpdate } from '../src/calc/calc-graph.ts';
import { stored, storedBlock } from '../src/calc/testing/resources.ts';
import { allocateMarks } from '../src/rules/marks.ts';
import { ClusterLab, type LabNode, type LabOptions } from './support/cluster-lab.ts';
import { connectTo, countForwarded, serveEcho, talk } from './support/conversation.ts';
import { hasDeviceKind } from './support/device-kinds.ts';
import { runIn } from './support/node-lab.ts';

// The same kernels have these and flow tables.
const isPossible = hasDeviceKind('wireguard', 'flow tables with tunnels');

interface Way {
  readonly name: string;
  readonly pool: object;
  /** Over which packets leave the node. */
  readonly device: string;
  readonly options?: LabOptions;
}

const ways: readonly Way[] = [
  { name: 'no tunnel', pool: { vxlanMode: 'CrossSubnet' }, device: 'eth0' },
  { name: 'VXLAN', pool: { vxlanMode: 'Always' }, device: 'vxlan.calico' },
  {
    name: 'IP-in-IP',
    pool: { ipipMode: 'Always' },
    device: 'tunl0',
    options: { graph: { programs: { ipip: true, plain: false } } },
  },
  {
    name: 'WireGuard',
    pool: { vxlanMode: 'Always' },
    device: 'wireguard.cali',
    options: {
      graph: { tellsOwners: true },
      rules: {
        marks: allocateMarks(0xffff0000, true),
        wireguard: { 4: { interfaceName: 'wireguard.cali', port: 51820 } },
      },
      wireguard: { 4: {} },
    },
  },
];

let revision = 1n;

function nodeRecord(node: LabNode, index: number): StoreUpdate {
  const number = index + 1;
  const bgp = { ipv4Address: `172.${number === 3 ? 17 : 16}.0.${number}/24`, ipv4IPIPTunnelAddr: `10.65.${number}.1` };
  const more = { ipv4VXLANTunnelAddr: `10.65.${number}.2`, wireguard: { interfaceIPv4Address: `10.65.${number}.3` } };
  revision += 1n;
  const update = stored('Node', { name: node.name }, { bgp, ...more }, revision);
  const resource = JSON.parse(update.value ?? '') as object;
  return { ...update, value: JSON.stringify({ ...resource, status: { wireguardPublicKey: node.publicKeys.get(4) } }) };
}

/** Packets that left over the device. */
function sent(node: LabNode, device: string): number {
  const text = runIn(node.netns, 'ip', '-j', '-s', 'link', 'show', device);
  return (JSON.parse(text) as [{ stats64: { tx: { packets: number } } }])[0].stats64.tx.packets;
}

test.skipIf(!isPossible).for(ways)('$name', async ({ pool, device, options = {} }) => {
  using lab = new ClusterLab('nftables', { ...options, hasFlowTable: true });
  const [one, two] = lab.nodes as [LabNode, LabNode];
  const made = lab.nodes.map((node, index) =>
    lab.addWorkload(node, 'abc'.charAt(index), `10.65.${index + 1}.10`, `fd65::${index + 1}:a`),
  );
  const take = async (updates: readonly StoreUpdate[]): Promise<void> => {
    for (const node of lab.nodes) expect(await node.take(updates)).toEqual([]);
  };
  const blocks = lab.nodes.map((node, index) => storedBlock({ cidr: `10.65.${index + 1}.0/26`, affinity: node.name }));
  const records = made.map(({ update }) => update);
  await take([stored('IPPool', { name: 'v4' }, { cidr: '10.65.0.0/16', ...pool }), ...blocks, ...records]);
  await take(lab.nodes.map(nodeRecord));
  // With the keys that the nodes have by now.
  await take(lab.nodes.map(nodeRecord));
  // The kernel has told of the devices that have come.
  for (const node of [one, two]) {
    const table = () => (node.flows?.apply(), node.run('nft', 'list', 'table', 'inet', 'calico-flows').join());
    await expect.poll(table).toMatch(new RegExp(`devices = .*"?${device}"?[ ,]`));
  }
  const [from, to] = made.map(({ netns }) => netns) as [string, string];
  expect(lab.canPing(from, '10.65.2.10')).toBe(true);
  using _echo = await serveEcho(to);
  const [passedOne, passedTwo] = [countForwarded(one.netns), countForwarded(two.netns)];
  const socket = await connectTo(from, '10.65.2.10');
  try {
    await talk(socket, passedOne);
    const before = sent(one, device);
    expect(await talk(socket, passedOne)).toBeLessThan(10);
    expect(await talk(socket, passedTwo)).toBeLessThan(10);
    expect(sent(one, device) - before).toBeGreaterThanOrEqual(100);
  } finally {
    socket.destroy();
  }
});

/** The way to workloads on other nodes through VXLAN, with real packets under policy. */
import { parseNodeName } from '@calico-node/net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CalcGraph, type StoreUpdate } from '../src/calc/calc-graph.ts';
import { deleted, stored, storedBlock } from '../src/calc/testing/resources.ts';
import { lookUpRoute } from '../src/rpc/look-up-route.ts';
import { ClusterLab, type LabNode } from './support/cluster-lab.ts';
import { runIn } from './support/node-lab.ts';

type Mode = 'Never' | 'Always' | 'CrossSubnet';

const pools = (vxlanMode: Mode): readonly StoreUpdate[] => [
  stored('IPPool', { name: 'v4' }, { cidr: '10.65.0.0/16', vxlanMode }),
  stored('IPPool', { name: 'v6' }, { cidr: 'fd65::/48', vxlanMode }),
];

const nodeRecords = [16, 16, 17].map((subnet, index) => {
  const number = index + 1;
  const bgp = { ipv4Address: `172.${subnet}.0.${number}/24`, ipv6Address: `fd${subnet}::${number}/64` };
  const tunnels = { ipv4VXLANTunnelAddr: `10.65.${number}.1`, ipv6VXLANTunnelAddr: `fd65::${number}:1` };
  return stored('Node', { name: `node${number}` }, { bgp, ...tunnels });
});

const blocks = [1, 2, 3].flatMap((number) => [
  // The second address of node3's block is node1's.
  storedBlock({
    cidr: `10.65.${number}.0/26`,
    affinity: `node${number}`,
    holders: number === 3 ? [undefined, undefined, 'node1'] : [],
  }),
  storedBlock({ cidr: `fd65::${number}:0/122`, affinity: `node${number}` }),
]);

describe.for(['nftables', 'iptables-legacy'])('VXLAN beside %s', (driver) => {
  let lab: ClusterLab;
  let one: LabNode;
  let two: LabNode;
  let three: LabNode;
  /** Namespaces of one workload per node, and of one on node1 with an address of node3's block. */
  let workloads: readonly string[];
  let records: readonly StoreUpdate[];

  const all = async (updates: readonly StoreUpdate[] = []): Promise<readonly string[]> =>
    (await Promise.all(lab.nodes.map((node) => node.take(updates)))).flat();
  const routes = (node: LabNode): readonly string[] =>
    ['-4', '-6'].flatMap((family) => node.run('ip', family, 'route', 'show', 'proto', '80')).sort();
  const devices = (node: LabNode): readonly string[] =>
    node.run('ip', '-br', 'link').filter((line) => line.includes('vxlan'));
  /** Packets that came out of the tunnel. */
  const received = (node: LabNode): number => {
    const text = runIn(node.netns, 'ip', '-j', '-s', 'link', 'show', 'vxlan.calico');
    const [link] = JSON.parse(text) as [{ stats64: { rx: { packets: number } } }];
    return link.stats64.rx.packets;
  };

  beforeAll(async () => {
    lab = new ClusterLab(driver);
    [one, two, three] = lab.nodes as [LabNode, LabNode, LabNode];
    const made = [
      lab.addWorkload(one, 'a', '10.65.1.10', 'fd65::1:a'),
      lab.addWorkload(two, 'b', '10.65.2.10', 'fd65::2:a'),
      lab.addWorkload(three, 'c', '10.65.3.10', 'fd65::3:a'),
      lab.addWorkload(one, 'd', '10.65.3.2', 'fd65::1:b'),
    ];
    workloads = made.map(({ netns }) => netns);
    records = made.map(({ update }) => update);
    expect(await all([...pools('Always'), ...nodeRecords, ...blocks, ...records])).toEqual([]);
  });

  afterAll(() => {
    lab[Symbol.dispose]();
  });

  afterEach(async () => {
    expect(await all(pools('Always'))).toEqual([]);
  });

  it('carries packets of both families between workloads and from hosts, borrowed addresses too', () => {
    const [a, b, c, d] = workloads as [string, string, string, string];
    expect(lab.canPing(a, '10.65.2.10')).toBe(true);
    expect(lab.canPing(a, '10.65.3.10')).toBe(true);
    expect(lab.canPing(b, 'fd65::3:a')).toBe(true);
    expect(lab.canPing(c, '10.65.3.2')).toBe(true);
    expect(lab.canPing(d, '10.65.2.10')).toBe(true);
    expect(lab.canPing(two.netns, '10.65.1.10')).toBe(true);
    expect(lab.canPing(three.netns, 'fd65::1:a')).toBe(true);
    expect(received(two)).toBeGreaterThan(0);
  });

  it('routes blocks over the device, holds its own as a hole, and knows the other ends by heart', () => {
    expect(routes(one)).toEqual([
      '10.65.2.0/26 via 10.65.2.1 dev vxlan.calico onlink',
      '10.65.3.0/26 via 10.65.3.1 dev vxlan.calico onlink',
      'blackhole 10.65.1.0/26',
      'blackhole fd65::1:0/122 dev lo metric 1024 pref medium',
      'fd65::2:0/122 via fd65::2:1 dev vxlan-v6.calico metric 1024 onlink pref medium',
      'fd65::3:0/122 via fd65::3:1 dev vxlan-v6.calico metric 1024 onlink pref medium',
    ]);
    expect(routes(two)).toContain('10.65.3.2 via 10.65.1.1 dev vxlan.calico onlink');
    const [link] = one.run('ip', '-d', '-o', 'link', 'show', 'vxlan.calico');
    expect(link).toContain('mtu 1450');
    expect(link).toContain('link/ether 66:f9:37:c3:7e:94');
    expect(link).toMatch(/vxlan id 4096 local 172.16.0.1 dev eth0 srcport \d+ \d+ dstport 4789 nolearning/);
    expect(one.run('ip', 'neighbour', 'show', 'dev', 'vxlan.calico', 'nud', 'permanent').length).toBe(2);
    expect(one.run('bridge', 'fdb', 'show', 'dev', 'vxlan.calico').map((line) => line.split(' dst ')[1])).toEqual(
      expect.arrayContaining(['172.16.0.2 self permanent', '172.17.0.3 self permanent']),
    );
    expect(one.run('bridge', 'fdb', 'show', 'dev', 'vxlan-v6.calico')).toHaveLength(2);
  });

  it('is explained by the entry that the kernel has, with the node below the tunnel', async () => {
    const entryFor = async (address: string) => (await lookUpRoute(address, one.netns)).entry;
    expect(await entryFor('10.65.3.10')).toMatchObject({
      destination: '10.65.3.0/26',
      nextHops: [{ interfaceName: 'vxlan.calico', interfaceKind: 'vxlan', gateway: '10.65.3.1', remote: '172.17.0.3' }],
    });
    expect(await entryFor('fd65::2:a')).toMatchObject({ nextHops: [{ interfaceKind: 'vxlan', remote: 'fd16::2' }] });
    expect(await entryFor('10.65.1.20')).toMatchObject({ destination: '10.65.1.0/26', type: 'blackhole' });
    expect(await entryFor('172.16.0.1')).toMatchObject({ type: 'local', nextHops: [{ interfaceName: 'eth0' }] });
  });

  it('is put right when somebody else changes it, which is counted', async () => {
    const listing = (): readonly string[] => [
      ...routes(one),
      ...one.run('ip', 'neighbour', 'show', 'dev', 'vxlan.calico', 'nud', 'permanent').toSorted(),
      ...one.run('bridge', 'fdb', 'show', 'dev', 'vxlan.calico').toSorted(),
      ...one.run('ip', '-br', 'address', 'show', 'vxlan.calico').map((line) => line.replace(/fe80\S+/, '')),
    ];
    const before = listing();
    const mac = before.find((line) => line.startsWith('10.65.2.1 lladdr'))!.split(' ')[2]!;
    const changes = [
      ['ip', 'route', 'delete', '10.65.2.0/26'],
      ['ip', 'route', 'add', '10.65.77.0/26', 'via', '172.16.0.2', 'proto', '80'],
      ['ip', 'neighbour', 'delete', '10.65.2.1', 'dev', 'vxlan.calico'],
      ['bridge', 'fdb', 'delete', mac, 'dev', 'vxlan.calico', 'dst', '172.16.0.2'],
      ['ip', 'link', 'set', 'vxlan.calico', 'down'],
    ];
    const { repairs } = one.network;
    for (const [index, change] of changes.entries()) {
      one.dirty = 0;
      one.run(...change);
      await expect.poll(() => one.dirty, { timeout: 10_000 }).toBeGreaterThan(0);
      expect(one.network.apply()).toEqual([]);
      expect(listing()).toEqual(before);
      expect(one.network.repairs).toBe(repairs + index + 1);
    }
  });

  it('takes no encapsulated packets but from nodes', () => {
    const mac = two.run('ip', '-br', 'link', 'show', 'vxlan.calico')[0]!.split(' ')[2];
    const before = received(two);
    const forge = `ip link add vx0 type vxlan id 4096 dstport 4789 local 172.16.0.254 remote 172.16.0.2
      ip addr add 10.65.9.9/32 dev vx0; ip link set vx0 up
      ip route add 10.65.2.0/26 dev vx0 src 10.65.9.9; ip neigh add 10.65.2.10 lladdr ${mac} dev vx0`;
    runIn(lab.fabric, 'sh', '-ec', forge);
    lab.canPing(lab.fabric, '10.65.2.10');
    runIn(lab.fabric, 'ip', 'link', 'delete', 'vx0');
    expect(received(two)).toBe(before);
  });

  it('goes straight to nodes in the same subnet when the pool says CrossSubnet', async () => {
    expect(await all(pools('CrossSubnet'))).toEqual([]);
    expect(routes(one)).toMatchObject([
      '10.65.2.0/26 via 172.16.0.2 dev eth0',
      '10.65.3.0/26 via 10.65.3.1 dev vxlan.calico onlink',
      'blackhole 10.65.1.0/26',
      expect.any(String),
      'fd65::2:0/122 via fd16::2 dev eth0 metric 1024 pref medium',
      expect.any(String),
    ]);
    const before = received(two);
    expect(lab.canPing(workloads[0]!, '10.65.2.10')).toBe(true);
    expect(lab.canPing(workloads[0]!, 'fd65::2:a')).toBe(true);
    expect(received(two)).toBe(before);
    expect(lab.canPing(workloads[2]!, '10.65.1.10')).toBe(true);
  });

  it('says what fits the tunnels, and follows when an interface of the host changes', async () => {
    expect(one.workloadMtu).toBe(1430);
    const seen = one.dirty;
    one.run('ip', 'link', 'set', 'eth0', 'mtu', '1400');
    await expect.poll(() => one.dirty).toBeGreaterThan(seen);
    expect(await one.take([])).toEqual([]);
    expect(one.workloadMtu).toBe(1330);
    expect(one.run('ip', '-o', 'link', 'show', 'vxlan.calico')[0]).toContain('mtu 1350');
    one.run('ip', 'link', 'set', 'eth0', 'mtu', '1500');
    await one.take(pools('Never'));
    expect(one.workloadMtu).toBe(1500);
  });

  it('takes no MTU from an interface of the host that is down', async () => {
    one.run('ip', 'link', 'add', 'eth9', 'mtu', '1400', 'type', 'veth', 'peer', 'name', 'far9');
    one.run('ip', 'link', 'set', 'far9', 'up');
    for (const [change, mtu] of [
      ['up', 1330],
      ['down', 1430],
    ] as const) {
      const seen = one.dirty;
      one.run('ip', 'link', 'set', 'eth9', change);
      await expect.poll(() => one.dirty).toBeGreaterThan(seen);
      expect(await one.take([])).toEqual([]);
      expect(one.workloadMtu).toBe(mtu);
    }
    one.run('ip', 'link', 'delete', 'eth9');
  });

  it('leaves nothing when no pool wants tunnels, and comes back', async () => {
    expect(await all(pools('Never'))).toEqual([]);
    expect(lab.nodes.flatMap((node) => [...routes(node), ...devices(node)])).toEqual([]);
    expect(await all(pools('Always'))).toEqual([]);
    expect(lab.canPing(workloads[0]!, '10.65.3.10')).toBe(true);
  });

  it('follows another node’s tunnel, address and leaving, and its own network, port and MTU', async () => {
    const fdb = (): readonly string[] =>
      one.run('bridge', 'fdb', 'show', 'dev', 'vxlan.calico').map((line) => line.replace(' self permanent', ''));
    const neighbours = (): readonly string[] =>
      one.run('ip', 'neigh', 'show', 'dev', 'vxlan.calico', 'nud', 'permanent').map((line) => line.split(' ')[0]!);
    const bgp = { ipv4Address: '172.16.0.22/24', ipv6Address: 'fd16::2/64' };
    const moved = {
      bgp,
      ipv4VXLANTunnelAddr: '10.65.2.9',
      ipv6VXLANTunnelAddr: 'fd65::2:1',
      vxlanTunnelMACAddr: '66:00:00:00:00:02',
    };
    expect(await one.take([stored('Node', { name: 'node2' }, moved)])).toEqual([]);
    expect(fdb()).toContain('66:00:00:00:00:02 dst 172.16.0.22');
    expect([fdb().length, neighbours().toSorted()]).toEqual([2, ['10.65.2.9', '10.65.3.1']]);
    expect(routes(one)).toContain('10.65.2.0/26 via 10.65.2.9 dev vxlan.calico onlink');
    expect(await one.take([deleted(nodeRecords[1]!)])).toEqual([]);
    expect([fdb().length, neighbours()]).toEqual([1, ['10.65.3.1']]);
    expect(routes(one).filter((line) => line.includes('10.65.2.'))).toEqual([]);
    expect(await one.take([nodeRecords[1]!])).toEqual([]);
    expect([fdb().length, neighbours().length]).toEqual([2, 2]);

    // Another configuration begins anew, over what is there.
    const more = {
      vxlan: { vni: 5000, port: 4999 },
      mtus: { ipip: 0, vxlan4: 1300, vxlan6: 0, wireguard4: 0, wireguard6: 0 },
    };
    const all4 = [...pools('Always'), ...nodeRecords, ...blocks, ...records];
    for (const [settings, description] of [
      [more, 'mtu 1300 .* vxlan id 5000 local 172.16.0.1 dev eth0 .* dstport 4999'],
      [{}, 'mtu 1450 .* vxlan id 4096 local 172.16.0.1 dev eth0 .* dstport 4789'],
    ] as const) {
      one.network[Symbol.dispose]();
      one.network = one.openNetwork(settings);
      const graph = new CalcGraph({ hostname: parseNodeName('node1') });
      for (const update of all4) graph.update(update);
      graph.onInSync();
      one.network.update(graph.flush().intents);
      expect(one.network.apply()).toEqual([]);
      expect(one.run('ip', '-d', '-o', 'link', 'show', 'vxlan.calico')[0]).toMatch(new RegExp(description));
      expect([fdb().length, neighbours().length]).toEqual([2, 2]);
    }
    expect(lab.canPing(workloads[0]!, '10.65.2.10')).toBe(true);
  });

  it('has no hole for a block that is released, nor for one of which it holds an address only', async () => {
    const holes = (): readonly string[] => routes(one).filter((line) => line.startsWith('blackhole 1'));
    expect(holes()).toEqual(['blackhole 10.65.1.0/26']);
    const released = storedBlock({ cidr: '10.65.1.0/26', affinity: null }, 2n);
    expect(await one.take([released])).toEqual([]);
    expect(holes()).toEqual([]);
    expect(await one.take([deleted(released)])).toEqual([]);
    expect(await one.take([storedBlock({ cidr: '10.65.1.0/26', affinity: 'node1' }, 4n)])).toEqual([]);
    expect(holes()).toEqual(['blackhole 10.65.1.0/26']);
    expect(lab.canPing(workloads[0]!, '10.65.2.10')).toBe(true);
  });

  it.for([
    ['a route', 'ip route del 10.65.2.0/26'],
    ['a hole', 'ip route del blackhole 10.65.1.0/26'],
    ['a neighbour', 'ip neigh del 10.65.2.1 dev vxlan.calico'],
    ['the forwarding entries', 'bridge fdb flush dev vxlan.calico || bridge fdb del $MAC dev vxlan.calico'],
    ['an address', 'ip addr del 10.65.1.1/32 dev vxlan.calico'],
    ['a device', 'ip link del vxlan.calico'],
    ['a device of another kind', 'ip link del vxlan.calico; ip link add vxlan.calico type bridge'],
    ['a stray route', 'ip route add 10.65.77.0/26 via 10.65.2.1 dev vxlan.calico onlink proto 80'],
  ] as const)('puts right what another hand changed: %s', async ([, command]) => {
    await one.take([]);
    const before = routes(one);
    const [mac] = one.run('bridge', 'fdb', 'show', 'dev', 'vxlan.calico')[0]!.split(' ');
    const seen = one.dirty;
    one.run('env', `MAC=${mac}`, 'sh', '-ec', command);
    await expect.poll(() => one.dirty).toBeGreaterThan(seen);
    expect(await one.take([])).toEqual([]);
    expect(routes(one)).toEqual(before);
    expect(one.run('bridge', 'fdb', 'show', 'dev', 'vxlan.calico')).toHaveLength(2);
    expect(lab.canPing(workloads[0]!, '10.65.2.10')).toBe(true);
  });

  it('says who has the network already, and takes it once that is gone', async () => {
    const script = 'ip link del vxlan.calico; ip link add flannel.1 type vxlan id 4096 dstport 4789 local 172.16.0.1';
    const before = one.dirty;
    one.run('sh', '-ec', script);
    await expect.poll(() => one.dirty).toBeGreaterThan(before);
    const [problem] = await one.take([]);
    expect(problem).toContain('vxlan.calico: device flannel.1 has VXLAN network 4096 on port 4789 already');
    const seen = one.dirty;
    one.run('ip', 'link', 'del', 'flannel.1');
    // It is tried again, though nobody says that the other one went.
    await expect.poll(() => one.dirty).toBeGreaterThan(seen);
    expect(await one.take([])).toEqual([]);
    expect(lab.canPing(workloads[0]!, '10.65.2.10')).toBe(true);
  });

  it('writes nothing when it starts over what is right already', () => {
    one.network[Symbol.dispose]();
    one.network = one.openNetwork();
    const { network } = one;
    const graph = new CalcGraph({ hostname: parseNodeName('node1') });
    for (const update of [...pools('Always'), ...nodeRecords, ...blocks, ...records]) graph.update(update);
    graph.onInSync();
    network.update(graph.flush().intents);
    expect(network.apply()).toEqual([]);
    expect(network.writes).toBe(0);
  });
});

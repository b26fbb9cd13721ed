/** The way to workloads on other nodes through IP-in-IP, with real packets under policy. */
import { parseNodeName } from '@calico-node/net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CalcGraph, type StoreUpdate } from '../src/calc/calc-graph.ts';
import { stored, storedBlock } from '../src/calc/testing/resources.ts';
import { ClusterLab, type LabNode } from './support/cluster-lab.ts';
import { hasDeviceKind } from './support/device-kinds.ts';
import { runIn } from './support/node-lab.ts';

const isPossible = hasDeviceKind('ipip', 'IP-in-IP with real packets');

const pool = (ipipMode: 'Never' | 'Always' | 'CrossSubnet'): StoreUpdate =>
  stored('IPPool', { name: 'v4' }, { cidr: '10.65.0.0/16', ipipMode });

const numbers = [1, 2, 3];
const nodeRecords = numbers.map((number) =>
  stored(
    'Node',
    { name: `node${number}` },
    { bgp: { ipv4Address: `172.${number === 3 ? 17 : 16}.0.${number}/24`, ipv4IPIPTunnelAddr: `10.65.${number}.1` } },
  ),
);
const blocks = numbers.map((number) => storedBlock({ cidr: `10.65.${number}.0/26`, affinity: `node${number}` }));
const programs = { ipip: true, plain: false };

describe.skipIf(!isPossible)('IP-in-IP', () => {
  describe.for(['nftables', 'iptables-legacy', 'iptables-nft'])('beside %s', (driver) => {
    let lab: ClusterLab;
    let one: LabNode;
    let two: LabNode;
    let three: LabNode;
    let workloads: readonly string[];
    let records: readonly StoreUpdate[];

    const all = async (updates: readonly StoreUpdate[] = []): Promise<readonly string[]> =>
      (await Promise.all(lab.nodes.map((node) => node.take(updates)))).flat();
    const routes = (node: LabNode): readonly string[] => node.run('ip', 'route', 'show', 'proto', '80');
    const device = (node: LabNode): string => node.run('ip', '-d', '-o', 'address', 'show', 'tunl0').join();
    /** Packets that came out of the tunnel. */
    const received = (node: LabNode): number => {
      const text = runIn(node.netns, 'ip', '-j', '-s', 'link', 'show', 'tunl0');
      return (JSON.parse(text) as [{ stats64: { rx: { packets: number } } }])[0].stats64.rx.packets;
    };

    beforeAll(async () => {
      lab = new ClusterLab(driver, { graph: { programs } });
      [one, two, three] = lab.nodes as [LabNode, LabNode, LabNode];
      const made = lab.nodes.map((node, index) =>
        lab.addWorkload(node, 'abc'.charAt(index), `10.65.${index + 1}.10`, `fd65::${index + 1}:a`),
      );
      workloads = made.map(({ netns }) => netns);
      records = made.map(({ update }) => update);
      expect(await all([pool('Always'), ...nodeRecords, ...blocks, ...records])).toEqual([]);
    });

    afterAll(() => {
      lab[Symbol.dispose]();
    });

    afterEach(async () => {
      expect(await all([pool('Always')])).toEqual([]);
    });

    it('carries packets between workloads and from hosts', () => {
      const before = received(two);
      expect(lab.canPing(workloads[0]!, '10.65.2.10')).toBe(true);
      expect(lab.canPing(workloads[2]!, '10.65.2.10')).toBe(true);
      expect(lab.canPing(three.netns, '10.65.2.10')).toBe(true);
      expect(received(two)).toBe(before + 3);
    });

    it('has a device with room for the outer header, and routes of blocks over it', () => {
      expect(device(one)).toMatch(/inet 10\.65\.1\.1\/32 scope global tunl0/);
      expect(one.run('ip', '-o', 'link', 'show', 'tunl0')[0]).toMatch(/<NOARP,UP,LOWER_UP> mtu 1480/);
      expect(one.workloadMtu).toBe(1480);
      expect(routes(one)).toEqual([
        'blackhole 10.65.1.0/26',
        '10.65.2.0/26 via 172.16.0.2 dev tunl0 onlink',
        '10.65.3.0/26 via 172.17.0.3 dev tunl0 onlink',
      ]);
    });

    it('takes no encapsulated packets but from nodes', () => {
      const before = received(two);
      const forge = `ip link add forged type ipip local 172.16.0.254 remote 172.16.0.2
      ip addr add 10.65.1.10/32 dev forged; ip link set forged up; ip route add 10.65.2.0/26 dev forged`;
      runIn(lab.fabric, 'sh', '-ec', forge);
      lab.canPing(lab.fabric, '10.65.2.10');
      runIn(lab.fabric, 'ip', 'link', 'delete', 'forged');
      expect(received(two)).toBe(before);
    });

    it('goes straight to nodes in the same subnet when the pool says CrossSubnet', async () => {
      expect(await all([pool('CrossSubnet')])).toEqual([]);
      expect(routes(one)).toEqual([
        'blackhole 10.65.1.0/26',
        '10.65.2.0/26 via 172.16.0.2 dev eth0',
        '10.65.3.0/26 via 172.17.0.3 dev tunl0 onlink',
      ]);
      const before = received(two);
      expect(lab.canPing(workloads[0]!, '10.65.2.10')).toBe(true);
      expect(received(two)).toBe(before);
      expect(lab.canPing(workloads[2]!, '10.65.2.10')).toBe(true);
      expect(received(two)).toBe(before + 1);
    });

    it('is obeyed by policy: what the destination refuses does not come out of the tunnel to it', async () => {
      const spec = { selector: 'all()', types: ['Ingress' as const] };
      expect(await all([stored('GlobalNetworkPolicy', { name: 'closed' }, spec)])).toEqual([]);
      expect(lab.canPing(workloads[0]!, '10.65.2.10')).toBe(false);
      const source = { nets: ['10.65.1.0/26'] };
      const ingress = [{ action: 'Allow' as const, source }];
      expect(await all([stored('GlobalNetworkPolicy', { name: 'closed' }, { ...spec, ingress }, 2n)])).toEqual([]);
      expect(lab.canPing(workloads[0]!, '10.65.2.10')).toBe(true);
      expect(lab.canPing(workloads[2]!, '10.65.2.10')).toBe(false);
      const opened = { ...stored('GlobalNetworkPolicy', { name: 'closed' }, spec, 3n), value: undefined };
      expect(await all([opened])).toEqual([]);
    });

    it('leaves nothing but the module’s own device when no pool wants tunnels, and comes back', async () => {
      expect(await all([pool('Never')])).toEqual([]);
      expect(lab.nodes.flatMap(routes)).toEqual([]);
      for (const node of lab.nodes) {
        expect(node.run('ip', '-o', 'address', 'show', 'tunl0')).toEqual([]);
        expect(node.run('ip', '-o', 'link', 'show', 'tunl0')[0]).toContain('<NOARP>');
      }
      expect(await all([pool('Always')])).toEqual([]);
      expect(lab.canPing(workloads[0]!, '10.65.3.10')).toBe(true);
    });

    it.for([
      ['a route', 'ip route del 10.65.2.0/26'],
      ['a route in its place', 'ip route replace 10.65.2.0/26 via 172.16.0.2 dev eth0'],
      ['an address', 'ip addr del 10.65.1.1/32 dev tunl0'],
      ['another address', 'ip addr add 10.99.0.1/32 dev tunl0'],
      ['the device down', 'ip link set tunl0 down'],
      ['the MTU', 'ip link set tunl0 mtu 1400'],
      ['a stray route', 'ip route add 10.65.77.0/26 via 172.16.0.2 dev tunl0 onlink proto 80'],
    ] as const)('puts right what another hand changed: %s', async ([, command]) => {
      await one.take([]);
      const before = [...routes(one), device(one)];
      const seen = one.dirty;
      one.run('sh', '-ec', command);
      await expect.poll(() => one.dirty).toBeGreaterThan(seen);
      expect(await one.take([])).toEqual([]);
      expect([...routes(one), device(one)]).toEqual(before);
      expect(lab.canPing(workloads[0]!, '10.65.2.10')).toBe(true);
    });

    it('writes nothing when it starts over what is right already', () => {
      one.network[Symbol.dispose]();
      one.network = one.openNetwork();
      const { network } = one;
      const graph = new CalcGraph({ hostname: parseNodeName('node1'), programs });
      for (const update of [pool('Always'), ...nodeRecords, ...blocks, ...records]) graph.update(update);
      graph.onInSync();
      network.update(graph.flush().intents);
      expect(network.apply()).toEqual([]);
      expect(network.writes).toBe(0);
    });
  });
});

describe.skipIf(isPossible)('IP-in-IP where the kernel has none', () => {
  it('says which module is missing, tries again, and programs all the rest', async () => {
    using lab = new ClusterLab('nftables', { graph: { programs } });
    const one = lab.nodes[0]!;
    const problems = await one.take([pool('Always'), ...nodeRecords, ...blocks]);
    expect(problems).toEqual([expect.stringMatching(/^tunl0: .*no ipip devices.*module 'ipip'/)]);
    expect(one.run('ip', 'route', 'show', 'proto', '80')).toEqual(['blackhole 10.65.1.0/26']);
    await expect.poll(() => one.dirty, { timeout: 10_000 }).toBeGreaterThan(0);
    expect(await one.take([pool('Never')])).toEqual([]);
  });
});

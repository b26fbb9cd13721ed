/** WireGuard between nodes, with real packets under policy. */
import { parseNodeName } from '@calico-node/net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CalcGraph, type StoreUpdate } from '../src/calc/calc-graph.ts';
import { stored, storedBlock } from '../src/calc/testing/resources.ts';
import { removeWireguard } from '../src/dataplane/wireguard/remove-wireguard.ts';
import type { WireguardNetwork } from '../src/dataplane/wireguard/wireguard-network.ts';
import { allocateMarks } from '../src/rules/marks.ts';
import { ClusterLab, type LabNode } from './support/cluster-lab.ts';
import { hasDeviceKind } from './support/device-kinds.ts';
import { runIn } from './support/node-lab.ts';

const isPossible = hasDeviceKind('wireguard', 'WireGuard with real packets');

const numbers = [1, 2, 3];
const pools = [
  stored('IPPool', { name: 'v4' }, { cidr: '10.65.0.0/16', vxlanMode: 'Always' }),
  stored('IPPool', { name: 'v6' }, { cidr: 'fd65::/48', vxlanMode: 'Always' }),
];
const blocks = numbers.flatMap((number) => [
  storedBlock({ cidr: `10.65.${number}.0/26`, affinity: `node${number}` }),
  storedBlock({ cidr: `fd65::${number}:0/122`, affinity: `node${number}` }),
]);
let revision = 1n;

/** A Node resource with the keys that its kernel has; `without`: as of a node that has none. */
function nodeRecord(node: LabNode, without = false): StoreUpdate {
  const number = Number(node.name.slice(-1));
  const subnet = number === 3 ? 17 : 16;
  const bgp = { ipv4Address: `172.${subnet}.0.${number}/24`, ipv6Address: `fd${subnet}::${number}/64` };
  const wireguard = { interfaceIPv4Address: `10.65.${number}.1`, interfaceIPv6Address: `fd65::${number}:1` };
  // Where there is no WireGuard, VXLAN takes the packets.
  const tunnels = { ipv4VXLANTunnelAddr: `10.65.${number}.2`, ipv6VXLANTunnelAddr: `fd65::${number}:2` };
  revision += 1n;
  const update = stored('Node', { name: node.name }, { bgp, ...tunnels, ...(without ? {} : { wireguard }) }, revision);
  const resource = JSON.parse(update.value ?? '') as Record<string, unknown>;
  const status = without
    ? {}
    : { wireguardPublicKey: node.publicKeys.get(4), wireguardPublicKeyV6: node.publicKeys.get(6) };
  return { ...update, value: JSON.stringify({ ...resource, status }) };
}

const rulesOf = (encryptsHosts: boolean) => ({
  marks: allocateMarks(0xffff0000, true),
  wireguard: {
    4: { interfaceName: 'wireguard.cali', port: 51820 },
    6: { interfaceName: 'wg-v6.cali', port: 51821 },
  },
  wireguardEncryptsHosts: encryptsHosts,
});

/** Three nodes with a workload on each. */
class Rig implements Disposable {
  readonly lab: ClusterLab;
  readonly workloads: readonly string[];
  readonly records: readonly StoreUpdate[];

  constructor(driver: string, encryptsHosts = false) {
    const wireguard = { 4: { encryptsHosts }, 6: { encryptsHosts } };
    this.lab = new ClusterLab(driver, { graph: { tellsOwners: true }, rules: rulesOf(encryptsHosts), wireguard });
    const made = this.lab.nodes.map((node, index) =>
      this.lab.addWorkload(node, 'abc'.charAt(index), `10.65.${index + 1}.10`, `fd65::${index + 1}:a`),
    );
    this.workloads = made.map(({ netns }) => netns);
    this.records = made.map(({ update }) => update);
  }

  async take(updates: readonly StoreUpdate[] = []): Promise<readonly string[]> {
    return (await Promise.all(this.lab.nodes.map((node) => node.take(updates)))).flat();
  }

  /** Brings every node's key to all of them. */
  async exchangeKeys(without?: LabNode): Promise<readonly string[]> {
    return this.take(this.lab.nodes.map((node) => nodeRecord(node, node === without)));
  }

  async start(): Promise<void> {
    const nodes = this.lab.nodes.map((node) => nodeRecord(node));
    expect(await this.take([...pools, ...nodes, ...blocks, ...this.records])).toEqual([]);
    expect(await this.exchangeKeys()).toEqual([]);
  }

  [Symbol.dispose](): void {
    this.lab[Symbol.dispose]();
  }
}

const sent = (node: LabNode, device = 'wireguard.cali'): number => {
  const text = runIn(node.netns, 'ip', '-j', '-s', 'link', 'show', device);
  return (JSON.parse(text) as [{ stats64: { tx: { packets: number } } }])[0].stats64.tx.packets;
};
const routes = (node: LabNode): readonly string[] =>
  ['-4', '-6'].flatMap((family) => node.run('ip', family, 'route', 'show', 'table', '1'));
const rules = (node: LabNode): readonly string[] =>
  ['-4', '-6'].flatMap((family) => node.run('ip', family, 'rule').filter((line) => line.includes('lookup 1')));

/** Felix on the node, started over without WireGuard; gives how many changes that took. */
function withdraw(node: LabNode): number {
  for (const network of node.wireguard.splice(0)) network[Symbol.dispose]();
  node.publicKeys.clear();
  const families = [
    [4, 'wireguard.cali'],
    [6, 'wg-v6.cali'],
  ] as const;
  return families
    .map(([family, interfaceName]) =>
      removeWireguard({ netns: node.netns, family, interfaceName, table: 1, routeProtocol: 80 }),
    )
    .reduce((sum, changes) => sum + changes, 0);
}

/** Felix on the node, started over with WireGuard. */
function reopened(node: LabNode, { lab }: Rig): readonly WireguardNetwork[] {
  for (const network of node.wireguard.splice(0)) network[Symbol.dispose]();
  node.wireguard.push(node.openWireguard(4, {}), node.openWireguard(6, {}));
  const graph = new CalcGraph({ hostname: parseNodeName(node.name), tellsOwners: true });
  const records = lab.nodes.map((each) => nodeRecord(each, !each.publicKeys.has(4)));
  for (const update of [...records, ...blocks]) graph.update(update);
  graph.onInSync();
  const { intents } = graph.flush();
  for (const network of node.wireguard) network.update(intents);
  return node.wireguard;
}

describe.skipIf(!isPossible)('WireGuard', () => {
  describe.for(['nftables', 'iptables-legacy', 'iptables-nft'])('beside %s', (driver) => {
    let rig: Rig;
    let one: LabNode;
    let two: LabNode;
    let three: LabNode;
    const ping = (from: number, to: string): boolean => rig.lab.canPing(rig.workloads[from]!, to);
    /** Whether pings go through the device. */
    const isEncrypted = (from: number, to: string, device?: string): boolean => {
      const node = rig.lab.nodes[from]!;
      const before = sent(node, device);
      expect(ping(from, to)).toBe(true);
      return sent(node, device) > before;
    };

    beforeAll(async () => {
      rig = new Rig(driver);
      [one, two, three] = rig.lab.nodes as [LabNode, LabNode, LabNode];
      await rig.start();
    });

    afterAll(() => {
      rig[Symbol.dispose]();
    });

    it('carries packets between workloads encrypted, of both families, and from hosts', () => {
      expect(isEncrypted(0, '10.65.2.10')).toBe(true);
      expect(isEncrypted(2, '10.65.1.10')).toBe(true);
      expect(isEncrypted(0, 'fd65::3:a', 'wg-v6.cali')).toBe(true);
      const before = sent(one);
      expect(rig.lab.canPing(one.netns, '10.65.2.10')).toBe(true);
      expect(sent(one)).toBeGreaterThan(before);
      // Hosts themselves go on as before.
      const between = sent(one);
      expect(rig.lab.canPing(one.netns, '172.16.0.2')).toBe(true);
      expect(sent(one)).toBe(between);
    });

    it('has a device, a table and a rule as Calico has them', () => {
      expect(one.run('ip', '-o', 'link', 'show', 'wireguard.cali')[0]).toMatch(/UP,LOWER_UP> mtu 1440/);
      expect(one.run('ip', '-o', 'link', 'show', 'wg-v6.cali')[0]).toContain('mtu 1420');
      expect(one.run('ip', '-br', 'address', 'show', 'wireguard.cali').join()).toContain(' 10.65.1.1/32');
      expect(rules(one)).toEqual([4, 6].map(() => '99: not from all fwmark 0x200000/0x200000 lookup 1 proto 80'));
      const through = ['10.65.2.0/26', '10.65.2.1', '10.65.2.2', '10.65.3.0/26', '10.65.3.1', '10.65.3.2'];
      const ofIpv4 = routes(one).filter((line) => !line.includes(':'));
      expect([...ofIpv4].sort()).toEqual([
        ...through.map((destination) => `${destination} dev wireguard.cali proto 80 scope link`),
        'throw 10.65.1.0/26 proto 80',
      ]);
      const device = one.wireguard[0]!.readDevice()!;
      expect(device).toMatchObject({ listenPort: 51820, mark: 0x200000, publicKey: one.publicKeys.get(4) });
      expect(device.peers.map(({ publicKey }) => publicKey).sort()).toEqual(
        [two, three].map((node) => node.publicKeys.get(4)).sort(),
      );
    });

    it('sends unencrypted to nodes without a key, and encrypted again when they have one', async () => {
      withdraw(three);
      expect(await rig.exchangeKeys(three)).toEqual([]);
      expect(isEncrypted(0, '10.65.3.10')).toBe(false);
      expect(isEncrypted(0, '10.65.2.10')).toBe(true);
      expect(routes(one)).toContain('throw 10.65.3.0/26 proto 80');
      for (const network of reopened(three, rig)) expect(network.apply()).toEqual([]);
      expect(await rig.exchangeKeys()).toEqual([]);
      expect(isEncrypted(0, '10.65.3.10')).toBe(true);
    });

    it('is obeyed by policy', async () => {
      const policy = (nets: readonly string[]): StoreUpdate => {
        revision += 1n;
        const ingress = nets.map((net) => ({ action: 'Allow' as const, source: { nets: [net] } }));
        return stored(
          'GlobalNetworkPolicy',
          { name: 'p' },
          { selector: 'all()', types: ['Ingress'], ingress },
          revision,
        );
      };
      expect(await rig.take([policy([])])).toEqual([]);
      expect(ping(0, '10.65.2.10')).toBe(false);
      expect(await rig.take([policy(['10.65.1.0/26'])])).toEqual([]);
      expect(ping(0, '10.65.2.10')).toBe(true);
      expect(ping(2, '10.65.2.10')).toBe(false);
      expect(await rig.take([{ ...policy([]), value: undefined }])).toEqual([]);
    });

    it.for([
      ['the rule', 'ip rule del priority 99'],
      ['another rule', 'ip rule add not fwmark 0x1/0x1 lookup 1 priority 50'],
      ['a route', 'ip route del 10.65.2.0/26 table 1'],
      ['a route past the device', 'ip route replace throw 10.65.2.0/26 table 1 proto 80'],
      ['an address', 'ip addr del 10.65.1.1/32 dev wireguard.cali'],
      ['the device down', 'ip link set wireguard.cali down'],
      ['the device', 'ip link del wireguard.cali'],
    ] as const)('puts right what another hand changed: %s', async ([, command]) => {
      await one.take([]);
      const before = [...routes(one), ...rules(one)];
      const seen = one.dirty;
      one.run('sh', '-ec', command);
      await expect.poll(() => one.dirty).toBeGreaterThan(seen);
      expect(await one.take([])).toEqual([]);
      // A new device has a new key.
      await rig.exchangeKeys();
      expect([...routes(one), ...rules(one)]).toEqual(before);
      expect(isEncrypted(0, '10.65.2.10')).toBe(true);
    });

    it('puts right what another hand changed, and counts that: a peer, and the port', async () => {
      await one.take([]);
      const key = two.publicKeys.get(4)!;
      for (const change of [{ peers: [{ publicKey: key, remove: true as const }] }, { listenPort: 4000 }]) {
        const [seen, { repairs }] = [one.dirty, one.wireguard[0]!];
        one.setWireguard(change);
        await expect.poll(() => one.dirty).toBeGreaterThan(seen);
        expect(await one.take([])).toEqual([]);
        expect(isEncrypted(0, '10.65.2.10')).toBe(true);
        expect(one.wireguard[0]!.repairs).toBe(repairs + 1);
      }
    });

    it.for([
      'ip route del 10.65.2.0/26 table 1',
      'ip route replace throw 10.65.2.0/26 table 1 proto 80',
      'ip route replace 10.65.2.0/26 dev eth0 table 1',
      'ip rule del priority 99',
      'ip address del 10.65.1.1/32 dev wireguard.cali',
      'ip link set wireguard.cali down',
      'ip link set wireguard.cali mtu 1300',
      'ip link set wireguard.cali down; ip link set wireguard.cali name wg7',
    ])('puts right, and counts, %s', async (command) => {
      await one.take([]);
      const state = (): readonly string[] => [
        ...routes(one),
        ...rules(one),
        ...one.run(
          'sh',
          '-c',
          'ip -br address show wireguard.cali; ip -o link show wireguard.cali | grep -o "mtu [0-9]*"',
        ),
      ];
      const before = state();
      const [seen, { repairs }] = [one.dirty, one.wireguard[0]!];
      one.run('sh', '-ec', command);
      await expect.poll(() => one.dirty).toBeGreaterThan(seen);
      expect(await one.take([])).toEqual([]);
      expect(state()).toEqual(before);
      expect(one.wireguard[0]!.repairs).toBe(repairs + 1);
      // A new device has a new key.
      await rig.exchangeKeys();
      expect(isEncrypted(0, '10.65.2.10')).toBe(true);
    });

    it('keeps its key, and writes nothing, when it starts over what is right already', () => {
      const key = one.publicKeys.get(4);
      for (const network of reopened(one, rig)) {
        expect(network.apply()).toEqual([]);
        expect(network.writes).toBe(0);
      }
      expect(one.wireguard[0]!.readDevice()?.publicKey).toBe(key);
    });

    it('leaves nothing when it is taken away', () => {
      expect(withdraw(one)).toBeGreaterThan(0);
      expect(withdraw(one)).toBe(0);
      expect([...routes(one), ...rules(one), ...one.run('ip', '-br', 'link', 'show', 'type', 'wireguard')]).toEqual([]);
    });
  });

  it('encrypts what hosts themselves send where that is asked for', async () => {
    using rig = new Rig('nftables', true);
    await rig.start();
    const [one, two, three] = rig.lab.nodes as [LabNode, LabNode, LabNode];
    for (const node of rig.lab.nodes) {
      node.run('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1', 'net.ipv4.conf.eth0.rp_filter=1');
      node.run('ip', 'neigh', 'flush', 'all');
    }
    for (const [node, address] of [
      [one, '172.17.0.3'],
      [two, '172.16.0.1'],
      [three, '172.16.0.2'],
    ] as const) {
      const before = sent(node);
      expect(rig.lab.canPing(node.netns, address)).toBe(true);
      expect(sent(node)).toBeGreaterThan(before);
    }
    expect(rig.lab.canPing(rig.workloads[0]!, '10.65.2.10')).toBe(true);
    withdraw(three);
    expect(await rig.exchangeKeys(three)).toEqual([]);
    const before = sent(one);
    expect(rig.lab.canPing(one.netns, '172.17.0.3')).toBe(true);
    expect(sent(one)).toBe(before);
  });
});

describe.skipIf(isPossible)('WireGuard where the kernel has none', () => {
  it('is told of once, publishes no key, and leaves the way unencrypted', async () => {
    using rig = new Rig('nftables');
    await rig.start();
    const one = rig.lab.nodes[0]!;
    expect(one.wireguard[0]!.unsupported).toMatch(/^wireguard.cali: this kernel has no wireguard devices; .*module/);
    expect(one.publicKeys.get(4)).toBeUndefined();
    expect(rules(one)).toEqual([]);
    expect(rig.lab.canPing(rig.workloads[0]!, '10.65.2.10')).toBe(true);
  });
});

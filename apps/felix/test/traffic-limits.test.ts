import { familyOf, parseCidr, parseIp, type IpAddress } from '@calico-node/net';
import { RouteSocket } from '@calico-node/netlink';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { HostEndpointId } from '../src/calc/endpoint-id.ts';
import type { LocalWorkloadEndpoint } from '../src/calc/intents.ts';
import type { PolicyDriver } from '../src/dataplane/policy-driver.ts';
import { defaultRuleOptions } from '../src/rules/options.ts';
import { drivers } from './support/drivers.ts';
import { endpoint, policy, rule, start } from './support/intents.ts';
import { NodeLab, runIn } from './support/node-lab.ts';
import { encodeFrame, FrameSender, PacketSender } from './support/raw-packet.ts';

const workload = { 4: parseIp('10.65.0.1'), 6: parseIp('fd00:65::1') };
const other = { 4: parseIp('172.16.0.254'), 6: parseIp('fd00:16::fe') };
/** What comes to a workload is answered: egress has to be first. */
const ways = ['egress', 'ingress'].flatMap((direction) =>
  ([4, 6] as const).map((family) => [direction, family] as const),
);

describe.each(Object.entries(drivers))('%s', (_, open) => {
  let stack: DisposableStack;
  let lab: NodeLab;
  let driver: PolicyDriver;
  let outside: FrameSender;
  let inside: FrameSender;
  let macOf: (name: string) => Uint8Array;
  let lastPort = 2000;

  beforeEach(() => {
    stack = new DisposableStack();
    lab = stack.use(new NodeLab());
    const { netns } = lab.addWorkload('1', workload[4]);
    lab.addIpv6({ netns, interfaceName: 'cali1', address: workload[4] }, workload[6]);
    runIn(lab.netns, 'ip', 'address', 'add', 'fd00:16::1/64', 'dev', 'eth0', 'nodad');
    lab.nft(`table inet probe {
      set passed { type inet_service; flags dynamic; size 1000; }
      set expedited { type inet_service; flags dynamic; size 1000; }
      chain refused {
        type filter hook prerouting priority -400
        tcp flags rst drop
      }
      chain left {
        type filter hook postrouting priority 200
        meta l4proto { tcp, udp } add @passed { th sport }
        ip dscp ef add @expedited { udp sport }
        ip6 dscp ef add @expedited { udp sport }
      }
    }`);
    driver = open({ netns: lab.netns, families: [4, 6], rules: defaultRuleOptions });
    stack.defer(() => {
      driver.close();
    });
    using route = RouteSocket.open({ netns: lab.netns });
    using insideRoute = RouteSocket.open({ netns });
    outside = stack.use(new FrameSender(lab.netns, route.getLink('fabric')!.index));
    inside = stack.use(new FrameSender(netns, insideRoute.getLink('eth0')!.index));
    const macs = new Map(route.listLinks().map(({ name, mac }) => [name, mac]));
    macOf = (name) => Uint8Array.from(macs.get(name)!.split(':'), (text) => parseInt(text, 16));
  });

  afterEach(() => {
    stack.dispose();
  });

  async function program(more: Partial<LocalWorkloadEndpoint>): Promise<void> {
    const allow = [rule('allow')];
    const addresses = [parseCidr(`${workload[4]}/32`), parseCidr(`${workload[6]}/128`)];
    driver.update([...start, policy('all', allow, allow), endpoint('1', workload[4], ['all'], { addresses, ...more })]);
    await driver.apply();
  }

  /** Sends a packet of a flow of its own to the node, for the other end. Gives what its flow is known by. */
  function send(source: IpAddress, destination: IpAddress, protocol = 17): number {
    const sourcePort = ++lastPort;
    const packet = {
      family: familyOf(source),
      source,
      destination,
      protocol,
      sourcePort,
      destinationPort: 53,
      conntrackState: 'new',
    } as const;
    const isFromWorkload = Object.values<IpAddress>(workload).includes(source);
    const frame = encodeFrame(packet, macOf(isFromWorkload ? 'cali1' : 'eth0'), sourcePort);
    (isFromWorkload ? inside : outside).send(frame);
    return sourcePort;
  }

  /** The source ports in a set of the probe's. */
  function portsIn(set: string): Set<number> {
    const listing = lab.nft('-n', 'list', 'set', 'inet', 'probe', set).join(' ');
    return new Set(listing.match(/[0-9]+/g)?.map(Number));
  }

  /** How many packets get to the other end. */
  function countPassed(packets: number, direction: string, family: 4 | 6, protocol = 17): number {
    const [source, destination] =
      direction === 'ingress' ? [other[family], workload[family]] : [workload[family], other[family]];
    const sent = Array.from({ length: packets }, () => send(source, destination, protocol));
    const passed = portsIn('passed');
    return sent.filter((port) => passed.has(port)).length;
  }

  test('packets beyond the rate are dropped, in each direction', async () => {
    const limit = { packetRate: 1, packetBurst: 3 };
    await program({ limits: { ingress: limit, egress: limit } });
    for (const [direction, family] of ways) {
      const passed = countPassed(20, direction, family);
      expect(passed).toBeGreaterThanOrEqual(3);
      expect(passed).toBeLessThan(10);
    }
  });

  test('connections of TCP beyond the limit are refused, in each direction, and no others are counted', async () => {
    await program({ limits: { ingress: { maxConnections: 4 }, egress: { maxConnections: 4 } } });
    for (const [direction, family] of ways) {
      expect(countPassed(10, direction, family)).toBe(10);
      expect(countPassed(10, direction, family, 6)).toBe(4);
    }
  });

  test('what leaves the pools has the endpoint’s code point', async () => {
    await program({ dscp: 46 });
    for (const family of [4, 6] as const) {
      const port = send(workload[family], other[family]);
      await expect.poll(() => portsIn('expedited').has(port)).toBe(true);
    }
  });

  test('what the host sends has its endpoint’s code point, until the endpoint is gone', async () => {
    const id = 'h' as HostEndpointId;
    const tiers = { tiers: [], forwardTiers: [], untrackedTiers: [], preDnatTiers: [], profiles: [] };
    const host = {
      name: 'h',
      revision: 1n,
      interfaceName: 'elsewhere',
      expectedIps: [parseIp('172.16.0.1')],
      ...tiers,
    };
    using own = new PacketSender(lab.netns);
    const sendOwn = (sourcePort: number): boolean => {
      const ends = { source: parseIp('172.16.0.1'), destination: parseIp('172.16.0.254') };
      own.send({ family: 4, ...ends, protocol: 17, sourcePort, destinationPort: 9, conntrackState: 'new' }, 1);
      expect(portsIn('passed').has(sourcePort)).toBe(true);
      return portsIn('expedited').has(sourcePort);
    };
    driver.update([...start, { type: 'host-endpoint-update', id, endpoint: { ...host, dscp: 46 } }]);
    await driver.apply();
    expect(sendOwn(6001)).toBe(true);
    driver.update([{ type: 'host-endpoint-remove', id }]);
    await driver.apply();
    expect(sendOwn(6002)).toBe(false);
  });
});

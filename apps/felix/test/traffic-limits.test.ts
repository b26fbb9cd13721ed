import { parseIp } from '@calico-node/net';
import { RouteSocket } from '@calico-node/netlink';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LocalWorkloadEndpoint } from '../src/calc/intents.ts';
import type { PolicyDriver } from '../src/dataplane/policy-driver.ts';
import { defaultRuleOptions } from '../src/rules/options.ts';
import { drivers } from './support/drivers.ts';
import { endpoint, policy, rule, start } from './support/intents.ts';
import { NodeLab } from './support/node-lab.ts';
import { encodeFrame, FrameSender } from './support/raw-packet.ts';

describe.each(Object.entries(drivers))('%s', (_, open) => {
  let lab: NodeLab;
  let driver: PolicyDriver;
  let outside: FrameSender;
  let macOf: (name: string) => Uint8Array;
  let lastId = 0;

  beforeEach(() => {
    lab = new NodeLab();
    lab.addWorkload('1', '10.65.0.1');
    lab.nft(`table ip probe {
      set passed { typeof ip id; flags dynamic; size 1000; }
      set expedited { typeof ip id; flags dynamic; size 1000; }
      chain left { type filter hook postrouting priority 200; add @passed { ip id }; ip dscp ef add @expedited { ip id }; }
    }`);
    driver = open({ netns: lab.netns, families: [4], rules: defaultRuleOptions });
    using route = RouteSocket.open({ netns: lab.netns });
    outside = new FrameSender(lab.netns, route.getLink('fabric')!.index);
    const macs = new Map(route.listLinks().map(({ name, mac }) => [name, mac]));
    macOf = (name) => Uint8Array.from(macs.get(name)!.split(':'), (text) => parseInt(text, 16));
  });

  afterEach(() => {
    outside[Symbol.dispose]();
    driver.close();
    lab[Symbol.dispose]();
  });

  async function program(more: Partial<LocalWorkloadEndpoint>): Promise<void> {
    const allow = [rule('allow')];
    driver.update([...start, policy('all', allow, allow), endpoint('1', '10.65.0.1', ['all'], more)]);
    await driver.apply();
  }

  /** How many packets, each of a flow of its own, get to the workload. */
  function countPassed(packets: number): number {
    const ids = Array.from({ length: packets }, () => ++lastId);
    for (const id of ids) {
      const packet = {
        family: 4,
        source: parseIp('172.16.0.254'),
        destination: parseIp('10.65.0.1'),
        protocol: 17,
        sourcePort: 1000 + id,
        destinationPort: 53,
        conntrackState: 'new',
      } as const;
      outside.send(encodeFrame(packet, macOf('eth0'), id));
    }
    const listing = lab.nft('-n', 'list', 'set', 'ip', 'probe', 'passed').join(' ');
    return ids.filter((id) => new RegExp(`[^0-9]${id}[^0-9]`).test(listing)).length;
  }

  test('packets beyond the rate are dropped', async () => {
    await program({ limits: { ingress: { packetRate: 1, packetBurst: 3 }, egress: {} } });
    const passed = countPassed(20);
    expect(passed).toBeGreaterThanOrEqual(3);
    expect(passed).toBeLessThan(10);
  });

  test('connections beyond the limit are refused', async () => {
    await program({ limits: { ingress: { maxConnections: 4 }, egress: {} } });
    expect(countPassed(10)).toBe(4);
  });

  test('what leaves the pools has the endpoint’s code point', async () => {
    await program({ dscp: 46 });
    const packet = {
      family: 4,
      source: parseIp('10.65.0.1'),
      destination: parseIp('172.16.0.254'),
      protocol: 17,
      sourcePort: 1000,
      destinationPort: 53,
      conntrackState: 'new',
    } as const;
    using route = RouteSocket.open({ netns: `${lab.netns}-1` });
    using inside = new FrameSender(`${lab.netns}-1`, route.getLink('eth0')!.index);
    const id = ++lastId;
    inside.send(encodeFrame(packet, macOf('cali1'), id));
    const listing = () => lab.nft('-n', 'list', 'set', 'ip', 'probe', 'expedited').join(' ');
    await expect.poll(listing).toMatch(new RegExp(`[^0-9]${id}[^0-9]`));
  });
});

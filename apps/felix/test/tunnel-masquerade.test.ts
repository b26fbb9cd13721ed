import { parseIp } from '@calico-node/net';
import { describe, expect, it } from 'vitest';
import type { Intent } from '../src/calc/intents.ts';
import { vxlanHostsSet } from '../src/calc/ip-set.ts';
import { defaultRuleOptions } from '../src/rules/options.ts';
import { drivers } from './support/drivers.ts';
import { start } from './support/intents.ts';
import { NodeLab, runIn } from './support/node-lab.ts';
import { PacketSender } from './support/raw-packet.ts';

/** So that half of all ports would be wrong. */
const vxlanPort = 33_280;

describe.for(Object.entries(drivers))('into a tunnel by %s', ([, openDriver]) => {
  it('the host’s packets have the tunnel’s address, and beside VXLAN no port that the answer would be lost by', async () => {
    using lab = new NodeLab();
    runIn(lab.netns, 'ip', 'link', 'add', 'vxlan.calico', 'type', 'veth', 'peer', 'name', 'beyond');
    for (const name of ['vxlan.calico', 'beyond']) runIn(lab.netns, 'ip', 'link', 'set', name, 'up');
    runIn(lab.netns, 'ip', 'address', 'add', '10.66.0.1/32', 'dev', 'vxlan.calico');
    runIn(lab.netns, 'ip', 'route', 'add', '10.77.0.0/24', 'dev', 'vxlan.calico');
    lab.nft(`table inet probe {
      set sources { type ipv4_addr . inet_service; flags dynamic; size 100; }
      chain left {
        type filter hook postrouting priority 200
        oifname vxlan.calico udp dport 9 add @sources { ip saddr . udp sport }
      }
    }`);
    const tunnels = { ipip: false, vxlan4: true, vxlan6: false };
    const rules = { ...defaultRuleOptions, vxlanPort, tunnels };
    const driver = openDriver({ netns: lab.netns, families: [4], rules });
    try {
      const nodes: Intent = { type: 'ip-set-update', id: vxlanHostsSet, kind: 'net', members: [] };
      driver.update([...start, nodes]);
      await driver.apply();
      using sender = new PacketSender(lab.netns);
      const ends = { source: parseIp('172.16.0.1'), destination: parseIp('10.77.0.9'), destinationPort: 9 };
      for (let id = 1; id <= 24; id++) {
        const packet = { family: 4, protocol: 17, sourcePort: 40_000 + id, conntrackState: 'new', ...ends } as const;
        sender.send(packet, id);
      }
      const listing = lab.nft('-n', 'list', 'set', 'inet', 'probe', 'sources').join(' ');
      const seen = [...listing.matchAll(/([0-9.]+) \. ([0-9]+)/g)].map(([, address, port]) => [address, Number(port)]);
      expect(seen).toHaveLength(24);
      expect(seen.filter(([address]) => address !== '10.66.0.1')).toEqual([]);
      expect(seen.filter(([, port]) => Number(port) >= vxlanPort)).toEqual([]);
    } finally {
      driver.close();
    }
  });
});

import { parseCidr } from '@calico-node/net';
import { expect, it } from 'vitest';
import { ambientMeshSet } from '../src/calc/ip-set.ts';
import { defaultRuleOptions } from '../src/rules/options.ts';
import { drivers } from './support/drivers.ts';
import { endpoint, policy, rule, start } from './support/intents.ts';
import { canConnect, NodeLab } from './support/node-lab.ts';

it.each(Object.entries(drivers))(
  '%s: new connections between workloads of the ambient mesh have its code point, others not',
  async (_, open) => {
    using lab = new NodeLab();
    const [a, b, c] = ['10.65.0.1', '10.65.0.2', '10.65.0.3'];
    const [from, to, outside] = [lab.addWorkload('a', a), lab.addWorkload('b', b), lab.addWorkload('c', c)];
    lab.nft(`table inet probe {
      set marked { type ipv4_addr . ipv4_addr; flags dynamic; size 100; }
      set others { type ipv4_addr . ipv4_addr; flags dynamic; size 100; }
      chain left {
        type filter hook postrouting priority 200
        ip dscp 23 add @marked { ip saddr . ip daddr }
        ip dscp 0 add @others { ip saddr . ip daddr }
      }
    }`);
    const driver = open({ netns: lab.netns, families: [4], rules: { ...defaultRuleOptions, ambientMeshDscp: 23 } });
    using _closing = {
      [Symbol.dispose]: () => {
        driver.close();
      },
    };
    const members = [a, b].map((ip) => parseCidr(`${ip}/32`));
    driver.update([
      ...start,
      { type: 'ip-set-update', id: ambientMeshSet, kind: 'net', members },
      policy('all', [rule('allow')], [rule('allow')]),
      ...(['a', 'b', 'c'] as const).map((name, index) => endpoint(name, [a, b, c][index]!, ['all'])),
    ]);
    await driver.apply();
    for (const [one, other] of [[from, to] as const, [from, outside] as const, [outside, to] as const])
      expect(await canConnect(one, other.address, 80)).toBe(true);
    const pairs = (set: string): RegExpMatchArray | null =>
      lab
        .nft('-n', 'list', 'set', 'inet', 'probe', set)
        .join(' ')
        .match(/10\.65\.0\.\d \. 10\.65\.0\.\d/g);
    expect(pairs('marked')).toContain(`${a} . ${b}`);
    expect(pairs('marked')).not.toContain(`${a} . ${c}`);
    expect(pairs('marked')).not.toContain(`${c} . ${b}`);
    expect(pairs('others')).toContain(`${a} . ${c}`);
    expect(pairs('others')).toContain(`${c} . ${b}`);
  },
);

import { parseIp } from '@calico-node/net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Intent } from '../src/calc/intents.ts';
import type { PolicyDriver } from '../src/dataplane/policy-driver.ts';
import { defaultRuleOptions } from '../src/rules/options.ts';
import { drivers } from './support/drivers.ts';
import { endpoint, policy, rule, start } from './support/intents.ts';
import { canConnect, NodeLab, runIn, type Workload } from './support/node-lab.ts';

const tcp = (port: number) => rule('allow', { protocol: 6, destination: { ports: [{ first: port, last: port }] } });

describe.for(Object.entries(drivers))('floating addresses by %s', ([name, openDriver]) => {
  let lab: NodeLab;
  let driver: PolicyDriver;
  let a: Workload;

  const open = (floatingIps: boolean): PolicyDriver =>
    openDriver({ netns: lab.netns, families: [4], rules: { ...defaultRuleOptions, floatingIps } });
  const b = (nats: readonly string[]): Intent =>
    endpoint('b', '10.65.0.2', ['web'], {
      nats: nats.map((external) => ({ internal: parseIp('10.65.0.2'), external: parseIp(external) })),
    });
  const apply = async (...intents: readonly Intent[]): Promise<void> => {
    driver.update(intents);
    await driver.apply();
  };

  beforeEach(() => {
    lab = new NodeLab();
    a = lab.addWorkload('a', '10.65.0.1');
    lab.addWorkload('b', '10.65.0.2');
    driver = open(true);
  });

  afterEach(() => {
    driver.close();
    lab[Symbol.dispose]();
  });

  it('lead to the workload, from others and from the host, under its own policy', async () => {
    const policies = [policy('web', [tcp(80)], [tcp(80)]), policy('all', [rule('allow')], [rule('allow')])];
    await apply(...start, ...policies, endpoint('a', '10.65.0.1', ['all']), b(['203.0.113.7']));
    expect(await canConnect(a, '203.0.113.7', 80)).toBe(true);
    expect(await canConnect(a, '203.0.113.7', 81)).toBe(false);
    expect(() => runIn(lab.netns, 'bash', '-c', 'exec 3<>/dev/tcp/203.0.113.7/80')).toThrow('refused');
    await apply(b(['203.0.113.8']));
    expect(await canConnect(a, '203.0.113.7', 80)).toBe(false);
    expect(await canConnect(a, '203.0.113.8', 80)).toBe(true);
    await apply(b([]));
    expect(await canConnect(a, '203.0.113.8', 80)).toBe(false);
  });

  it('are no more once they are switched off', async () => {
    const intents = [...start, policy('web', [tcp(80)], [tcp(80)]), b(['203.0.113.7'])];
    await apply(...intents);
    driver.close();
    driver = open(false);
    await apply(...intents);
    const rules = name === 'nftables' ? lab.nft('list', 'ruleset') : [runIn(lab.netns, `${name}-save`, '-t', 'nat')];
    expect(rules.join('\n')).not.toContain('cali-fip-dnat');
    expect(rules.join('\n')).not.toContain('203.0.113.7');
  });
});

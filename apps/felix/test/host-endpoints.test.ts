/** What the random packets of `kernel-equivalence.test.ts` cannot show: translated destinations, and no tracking. */
import { parseIp } from '@calico-node/net';
import { RouteSocket } from '@calico-node/netlink';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { HostEndpointId } from '../src/calc/endpoint-id.ts';
import type { Intent, LocalHostEndpoint, PolicyStage } from '../src/calc/intents.ts';
import type { ParsedRule } from '../src/calc/parsed-rule.ts';
import { policyIdOf } from '../src/calc/policy-id.ts';
import type { PolicyDriver } from '../src/dataplane/policy-driver.ts';
import type { Packet } from '../src/rules/interpret.ts';
import { defaultRuleOptions } from '../src/rules/options.ts';
import { drivers } from './support/drivers.ts';
import { rule, start } from './support/intents.ts';
import { NodeLab, runIn } from './support/node-lab.ts';
import { encodeFrame, FrameSender, PacketSender } from './support/raw-packet.ts';

const name = 'h';
const id = policyIdOf({ kind: 'GlobalNetworkPolicy', name });

function hostPolicy(stage: PolicyStage, ingress: readonly ParsedRule[], egress: readonly ParsedRule[] = []): Intent {
  const policy = { kind: 'GlobalNetworkPolicy', name } as const;
  return { type: 'policy-update', id, policy, tier: 'default', stage, isForHosts: true, ingress, egress };
}

/** Covers eth0, with the policy at the given stage. */
function hostEndpoint(tiers: keyof LocalHostEndpoint & `${string}iers`): Intent {
  const groups = [{ selector: 'all()', policies: [id] }];
  const ingressOnly = tiers === 'preDnatTiers';
  const tier = { name: 'default', defaultAction: 'Deny', ingress: groups, egress: ingressOnly ? [] : groups } as const;
  const none = { tiers: [], forwardTiers: [], untrackedTiers: [], preDnatTiers: [] };
  const endpoint = {
    name,
    revision: 1n,
    interfaceName: 'eth0',
    expectedIps: [],
    profiles: [],
    ...none,
    [tiers]: [tier],
  };
  return { type: 'host-endpoint-update', id: name as HostEndpointId, endpoint };
}

const port = (number: number) => ({ destination: { ports: [{ first: number, last: number }] } });

const udp = (more: Partial<Packet>): Packet => ({
  family: 4,
  source: parseIp('172.16.0.254'),
  destination: parseIp('172.16.0.1'),
  protocol: 17,
  sourcePort: 4000,
  destinationPort: 5000,
  conntrackState: 'new',
  ...more,
});

describe.each(Object.entries(drivers))('%s', (_, open) => {
  let lab: NodeLab;
  let driver: PolicyDriver;
  let outside: FrameSender;
  let inside: PacketSender;
  let mac: Uint8Array;
  let lastId = 0;

  beforeEach(() => {
    lab = new NodeLab();
    runIn(lab.netns, 'ip', 'neighbour', 'add', '172.16.0.254', 'lladdr', '02:00:00:00:00:01', 'dev', 'eth0');
    lab.nft(`table ip probe {
      set passed { typeof ip id; flags dynamic; size 1000; }
      set untracked { typeof ip id; flags dynamic; size 1000; }
      chain translate { type nat hook prerouting priority -100; udp dport 8080 dnat to 172.16.0.1:80; }
      chain translateown { type nat hook output priority -100; ip daddr 10.96.0.1 dnat to 172.16.0.254; }
      chain taken { type filter hook input priority 100; ct state untracked add @untracked { ip id }; add @passed { ip id } drop; }
      chain left { type filter hook postrouting priority 200; ct state untracked add @untracked { ip id }; add @passed { ip id } drop; }
    }`);
    driver = open({ netns: lab.netns, families: [4], rules: defaultRuleOptions });
    using route = RouteSocket.open({ netns: lab.netns });
    outside = new FrameSender(lab.netns, route.getLink('fabric')!.index);
    inside = new PacketSender(lab.netns);
    mac = Uint8Array.from(route.getLink('eth0')!.mac!.split(':'), (text) => parseInt(text, 16));
  });

  afterEach(() => {
    for (const each of [outside, inside]) each[Symbol.dispose]();
    driver.close();
    lab[Symbol.dispose]();
  });

  /** Whether a packet passes, and whether connection tracking left it alone. */
  function send(packet: Packet, from: 'outside' | 'inside'): { passed: boolean; untracked: boolean } {
    lastId++;
    if (from === 'outside') outside.send(encodeFrame(packet, mac, lastId));
    else inside.send(packet, lastId);
    const has = (set: string) =>
      lab.nft('-n', 'list', 'set', 'ip', 'probe', set).some((line) => new RegExp(`[^0-9]${lastId}[^0-9]`).test(line));
    return { passed: has('passed'), untracked: has('untracked') };
  }

  test('what untracked policy allows is not tracked, in either direction', async () => {
    const allow = [rule('allow', { protocol: 17, ...port(5000) })];
    driver.update([...start, hostPolicy('untracked', allow, allow), hostEndpoint('untrackedTiers')]);
    await driver.apply();
    expect(send(udp({}), 'outside')).toEqual({ passed: true, untracked: true });
    const out = udp({ source: parseIp('172.16.0.1'), destination: parseIp('172.16.0.254') });
    expect(send(out, 'inside')).toEqual({ passed: true, untracked: true });
    // No other policy and no profile lets anything else through.
    expect(send(udp({ destinationPort: 5001 }), 'outside')).toEqual({ passed: false, untracked: false });
  });

  test('pre-DNAT policy sees the port that was sent to', async () => {
    const deny = rule('deny', { protocol: 17, ...port(8080) });
    driver.update([...start, hostPolicy('pre-dnat', [deny, rule('allow')]), hostEndpoint('preDnatTiers')]);
    await driver.apply();
    expect(send(udp({ destinationPort: 8080 }), 'outside').passed).toBe(false);
    expect(send(udp({ destinationPort: 80, sourcePort: 4001 }), 'outside').passed).toBe(true);

    const denyTranslated = rule('deny', { protocol: 17, ...port(80) });
    driver.update([hostPolicy('pre-dnat', [denyTranslated, rule('allow')])]);
    await driver.apply();
    expect(send(udp({ destinationPort: 8080, sourcePort: 4002 }), 'outside').passed).toBe(true);
  });

  test('egress policy is asked of the destination that the packet goes to', async () => {
    const to = (address: string) => ({ destination: { nets: [`${address}/32` as never] } });
    const own = { source: parseIp('172.16.0.1') };
    driver.update([...start, hostPolicy('normal', [], [rule('allow', to('172.16.0.254'))]), hostEndpoint('tiers')]);
    await driver.apply();
    const service = udp({ ...own, destination: parseIp('10.96.0.1'), sourcePort: 4100 });
    expect(send(service, 'inside').passed).toBe(true);

    driver.update([hostPolicy('normal', [], [rule('allow', to('10.96.0.1'))])]);
    await driver.apply();
    expect(send({ ...service, sourcePort: 4101 }, 'inside').passed).toBe(false);
  });

  test('nothing of an endpoint is left when it is gone', async () => {
    driver.update(start);
    await driver.apply();
    const { chains } = driver.counts();
    driver.update([hostPolicy('normal', [], []), hostEndpoint('tiers')]);
    await driver.apply();
    expect(send(udp({}), 'outside').passed).toBe(false);
    driver.update([
      { type: 'host-endpoint-remove', id: name as HostEndpointId },
      { type: 'policy-remove', id },
    ]);
    await driver.apply();
    expect(driver.counts().chains).toBe(chains);
    expect(send(udp({ sourcePort: 4200 }), 'outside').passed).toBe(true);
  });
});

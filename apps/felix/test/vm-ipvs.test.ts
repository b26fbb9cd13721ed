/** Through services of kube-proxy's IPVS mode, by the kernel's own IPVS: policy is asked as for what is forwarded. */
import { spawnSync } from 'node:child_process';
import { parseCidr } from '@calico-node/net';
import { writeSysctl } from '@calico-node/netlink';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostEndpointId } from '../src/calc/endpoint-id.ts';
import type { Intent } from '../src/calc/intents.ts';
import { ipvsServicesSet } from '../src/calc/ip-set.ts';
import { policyIdOf } from '../src/calc/policy-id.ts';
import { HostInterfaces } from '../src/dataplane/interfaces/host-interfaces.ts';
import { ServiceAddresses } from '../src/dataplane/interfaces/service-addresses.ts';
import type { PolicyDriver } from '../src/dataplane/policy-driver.ts';
import { endpointMarkBits } from '../src/rules/marks.ts';
import { defaultRuleOptions, type RuleOptions } from '../src/rules/options.ts';
import { drivers } from './support/drivers.ts';
import { endpoint, policy, rule, start } from './support/intents.ts';
import { canConnect, NodeLab, runIn, type Workload } from './support/node-lab.ts';

/** Whether this kernel has IPVS, and the program to set it up. */
function hasIpvs(): boolean {
  using lab = new NodeLab();
  return spawnSync('nsenter', [`--net=/run/netns/${lab.netns}`, 'ipvsadm', '--list', '--numeric']).status === 0;
}

const isPossible = hasIpvs();
if (!isPossible)
  console.warn('skipped: services through IPVS: this machine has no ip_vs, or no ipvsadm; `make test-vm` has both');

const node = '172.16.0.1';
const service = { 4: '10.96.0.10', 6: 'fd96::10' } as const;
const [a6, b6] = ['fd65::a', 'fd65::b'];
const ipvs = {
  marks: endpointMarkBits(0xffff0000, defaultRuleOptions.marks),
  nodePorts: [{ first: 30_000, last: 32_767 }],
};
const nets = (...all: string[]) => all.map((net) => parseCidr(net));
const to = (...all: string[]) => [rule('allow', { destination: { nets: nets(...all) } })];
const from = (...all: string[]) => [rule('allow', { source: { nets: nets(...all) } })];

/** A host endpoint whose forward policy is `guard`. */
function guarded(interfaceName: string): Intent {
  const id = policyIdOf({ kind: 'GlobalNetworkPolicy', name: 'guard' });
  const groups = [{ selector: 'all()', policies: [id] }];
  const forwardTiers = [{ name: 'default', defaultAction: 'Deny', ingress: groups, egress: groups }] as const;
  const others = { tiers: [], untrackedTiers: [], preDnatTiers: [], profiles: [] };
  const endpoint = { name: 'uplink', revision: 1n, interfaceName, expectedIps: [], forwardTiers, ...others };
  return { type: 'host-endpoint-update', id: 'uplink' as HostEndpointId, endpoint };
}

describe.skipIf(!isPossible)('with IPVS', () => {
  describe.for(Object.entries(drivers))('by %s', ([name, openDriver]) => {
    let stack: DisposableStack;
    let lab: NodeLab;
    let driver: PolicyDriver;
    let services: ServiceAddresses;
    let a: Workload;
    /** Beyond the node's uplink. */
    let outside: Workload;
    let host: Workload;

    const inNode = (...command: string[]): string => runIn(lab.netns, ...command);
    /** As kube-proxy does it. */
    const serve = (address: string, port: number, server: string): void => {
      const literal = address.includes(':') ? `[${address}]` : address;
      inNode('ipvsadm', '-A', '-t', `${literal}:${port}`, '-s', 'rr');
      inNode('ipvsadm', '-a', '-t', `${literal}:${port}`, '-r', server, '-m');
    };
    const openWith = (more: Partial<RuleOptions>): PolicyDriver =>
      openDriver({ netns: lab.netns, families: [4, 6], rules: { ...defaultRuleOptions, ipvs, ...more } });
    const apply = async (...intents: readonly Intent[]): Promise<void> => {
      driver.update([...intents, ...services.takeChanges()]);
      await driver.apply();
    };

    beforeEach(async () => {
      stack = new DisposableStack();
      lab = stack.use(new NodeLab());
      a = lab.addWorkload('a', '10.65.0.1');
      const b = lab.addWorkload('b', '10.65.0.2');
      lab.addIpv6(a, a6);
      lab.addIpv6(b, b6);
      const netns = `${lab.netns}-outside`;
      runIn(lab.netns, 'ip', 'netns', 'add', netns);
      stack.defer(() => void runIn(lab.netns, 'ip', 'netns', 'delete', netns));
      inNode('ip', 'link', 'set', 'fabric', 'netns', netns);
      for (const command of [
        'address add 172.16.0.254/24 dev fabric',
        'link set fabric up',
        `route add default via ${node}`,
      ])
        runIn(netns, 'ip', ...command.split(' '));
      outside = { netns, interfaceName: 'eth0', address: '172.16.0.254' };
      host = { netns: lab.netns, interfaceName: '', address: node };

      writeSysctl('net.ipv4.vs.conntrack', '1', { netns: lab.netns });
      inNode('ip', 'link', 'add', 'kube-ipvs0', 'type', 'dummy');
      inNode('ip', 'address', 'add', `${service[4]}/32`, 'dev', 'kube-ipvs0');
      inNode('ip', 'address', 'add', `${service[6]}/128`, 'dev', 'kube-ipvs0', 'nodad');
      serve(service[4], 80, '10.65.0.2:8080');
      serve(service[6], 80, `[${b6}]:8080`);
      for (const port of [30_080, 40_080]) serve(node, port, '10.65.0.2:8080');

      services = stack.use(new ServiceAddresses({ netns: lab.netns, onDirty: () => undefined }));
      using interfaces = new HostInterfaces({ netns: lab.netns, prefixes: ['cali'], onDirty: () => undefined });
      driver = openWith({});
      stack.defer(() => {
        driver.close();
      });
      await apply(...start, ...interfaces.takeChanges());
    });

    afterEach(() => {
      stack.dispose();
    });

    it('the policies of sender and receiver are asked, with the address behind the service', async () => {
      const all = [rule('allow')];
      const toB = policy('sender', [], to('10.65.0.2/32', `${b6}/128`));
      const fromA = policy('receiver', from('10.65.0.1/32', `${a6}/128`), []);
      await apply(toB, fromA, endpoint('a', '10.65.0.1', ['sender']), endpoint('b', '10.65.0.2', ['receiver']));
      expect(await canConnect(a, service[4], 80)).toBe(true);
      expect(await canConnect(a, service[6], 80)).toBe(true);
      expect(await canConnect(a, node, 30_080)).toBe(true);
      // The host's own ports: one that is served but no node port, and one that is not.
      expect(await canConnect(a, node, 40_080)).toBe(false);
      expect(await canConnect(a, node, 22)).toBe(false);
      expect(await canConnect(host, service[4], 80)).toBe(true);
      expect(await canConnect(outside, service[4], 80)).toBe(false);
      expect(await canConnect(outside, node, 30_080)).toBe(false);

      await apply(policy('sender', [], to(`${service[4]}/32`, `${service[6]}/128`)));
      expect(await canConnect(a, service[4], 80)).toBe(false);
      expect(await canConnect(a, service[6], 80)).toBe(false);

      await apply(policy('sender', [], all), policy('receiver', from('172.16.0.254/32'), []));
      expect(await canConnect(a, service[4], 80)).toBe(false);
      expect(await canConnect(outside, service[4], 80)).toBe(true);
      expect(await canConnect(outside, node, 30_080)).toBe(true);
    });

    it('so is the forward policy of the host endpoint that they come in by, or of the one for all', async () => {
      await apply(
        policy('all', [rule('allow')], [rule('allow')]),
        policy('guard', from('10.9.9.9/32'), [rule('allow')]),
      );
      await apply(endpoint('a', '10.65.0.1', ['all']), endpoint('b', '10.65.0.2', ['all']));
      expect(await canConnect(outside, service[4], 80)).toBe(true);
      for (const interfaceName of ['eth0', '*']) {
        await apply(guarded(interfaceName));
        expect(await canConnect(outside, service[4], 80)).toBe(false);
        await apply(policy('guard', from('172.16.0.254/32', '10.65.0.1/32'), [rule('allow')]));
        expect(await canConnect(outside, service[4], 80)).toBe(true);
        expect(await canConnect(a, service[4], 80)).toBe(true);
        await apply(policy('guard', from('10.9.9.9/32'), [rule('allow')]));
      }
    });

    it('services come and go', async () => {
      await apply(
        policy('all', [rule('allow')], [rule('allow')]),
        endpoint('a', '10.65.0.1', ['all']),
        endpoint('b', '10.65.0.2', ['all']),
      );
      const reaches = async (): Promise<boolean> => {
        await apply();
        return canConnect(a, '10.96.0.11', 80);
      };
      inNode('ip', 'address', 'add', '10.96.0.11/32', 'dev', 'kube-ipvs0');
      serve('10.96.0.11', 80, '10.65.0.2:8080');
      await expect.poll(reaches).toBe(true);
      // The host's own as well, which counts for more.
      inNode('ip', 'address', 'add', '10.96.0.11/32', 'dev', 'lo');
      await expect.poll(reaches).toBe(false);
      inNode('ip', 'address', 'delete', '10.96.0.11/32', 'dev', 'lo');
      await expect.poll(reaches).toBe(true);
    });

    it('where the host itself is behind a service, nf_tables alone can ask', async () => {
      inNode('ip', 'address', 'add', '10.96.0.12/32', 'dev', 'kube-ipvs0');
      serve('10.96.0.12', 80, `${node}:22`);
      const reaches = async (): Promise<boolean> => {
        await apply();
        return canConnect(a, '10.96.0.12', 80);
      };
      const isAsked = name === 'nftables';
      await apply(policy('all', [], to('10.9.9.9/32')), endpoint('a', '10.65.0.1', ['all']));
      expect(await canConnect(a, node, 22)).toBe(false);
      await expect.poll(reaches).toBe(!isAsked);
      // The default DefaultEndpointToHostAction is Drop, here as without a service.
      await apply(policy('all', [], [rule('allow')]));
      expect(await reaches()).toBe(!isAsked);
      driver.close();
      driver = openWith({ defaultEndpointToHostAction: 'ACCEPT' });
      await apply(...start, policy('all', [], to(`${node}/32`)), endpoint('a', '10.65.0.1', ['all']));
      await apply({
        type: 'ip-set-delta',
        id: ipvsServicesSet,
        kind: 'net',
        added: nets('10.96.0.12/32'),
        removed: [],
      });
      expect(await canConnect(a, node, 22)).toBe(true);
      expect(await reaches()).toBe(true);
      await apply(policy('all', [], to('10.9.9.9/32')));
      expect(await reaches()).toBe(!isAsked);
    });
  });
});

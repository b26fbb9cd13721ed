/** What kube-proxy's IPVS mode sends on comes out of the host's own hook, with the sender's address. */
import { parseIp } from '@calico-node/net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canConnect, runIn, type Workload } from './support/node-lab.ts';
import { PacketSender } from './support/raw-packet.ts';
import { StoreLab } from './support/store-lab.ts';

const friend = parseIp('10.0.0.1');
const stranger = parseIp('10.0.0.2');
let lab: StoreLab;
let workload: Workload;
let port = 20_000;

beforeAll(async () => {
  lab = await StoreLab.start();
  workload = lab.node.addWorkload('b', '10.65.0.2', { byFelix: true });
  await lab.applyEndpoint(workload, 'b', { profiles: [] });
  const ingress = [{ action: 'Allow', source: { nets: [`${friend}/32`] } }];
  await lab.apply('GlobalNetworkPolicy', { name: 'friends' }, { selector: 'all()', types: ['Ingress'], ingress });
  const counted = [friend, stranger].flatMap((ip) => [
    'rule',
    'ip',
    't',
    'c',
    'ip',
    'saddr',
    ip,
    'counter',
    ';',
    'add',
  ]);
  runIn(
    ...[workload.netns, 'nft', 'add', 'table', 'ip', 't', ';', 'add', 'chain', 'ip', 't', 'c'],
    ...['{ type filter hook prerouting priority 0; }', ';', 'add', ...counted.slice(0, -2)],
  );
});

afterAll(() => lab[Symbol.asyncDispose]());

/** How many packets of each have come to the workload so far. */
function arrived(): readonly number[] {
  const rules = runIn(workload.netns, 'nft', 'list', 'chain', 'ip', 't', 'c');
  return [...rules.matchAll(/counter packets (\d+)/g)].map(([, count]) => Number(count));
}

/** Sends one of each as IPVS does; gives how many came. */
async function forwarded(): Promise<readonly number[]> {
  const before = arrived();
  using sender = new PacketSender(lab.node.netns);
  // The second of the friend's is last: when that is there, so is all that is to come.
  for (const [index, source] of [friend, stranger, friend].entries()) {
    const destination = parseIp(workload.address);
    const packet = {
      family: 4,
      source,
      destination,
      protocol: 17,
      destinationPort: 53,
      conntrackState: 'new',
    } as const;
    sender.send({ ...packet, sourcePort: port++ }, index);
  }
  await expect.poll(() => arrived()[0]).toBe((before[0] ?? 0) + 2);
  return arrived().map((count, index) => count - (before[index] ?? 0));
}

describe.each(['Enabled', 'Disabled'])('with NFTablesMode %s', (mode) => {
  it(
    'is asked the policy of the workload that it goes to, while there is kube-ipvs0',
    { timeout: 60_000 },
    async () => {
      const isAsked = (): boolean =>
        (mode === 'Enabled'
          ? runIn(lab.node.netns, 'nft', 'list', 'chain', 'ip', 'calico', 'filter-cali-OUTPUT')
          : runIn(lab.node.netns, 'iptables-legacy-save', '-t', 'filter')
              .split('\n')
              .filter((line) => line.startsWith('-A cali-OUTPUT'))
              .join('\n')
        ).includes('cali-to-wl-dispatch');
      await using felix = lab.startFelix({ FELIX_NFTABLESMODE: mode });
      await felix.waitForEndpoint('b');
      expect(await forwarded()).toEqual([2, 1]);
      runIn(lab.node.netns, 'ip', 'link', 'add', 'kube-ipvs0', 'type', 'bridge');
      await expect.poll(isAsked, { timeout: 20_000 }).toBe(true);
      await felix.waitForEndpoint('b');
      expect(await forwarded()).toEqual([2, 0]);
      expect(await canConnect({ ...workload, netns: lab.node.netns }, workload.address, 80)).toBe(true);
      const services = (): string =>
        mode === 'Enabled'
          ? runIn(lab.node.netns, 'nft', 'list', 'set', 'ip', 'calico', 'cali40ipvs-services')
          : runIn(lab.node.netns, 'ipset', 'list', 'cali40ipvs-services');
      runIn(lab.node.netns, 'ip', 'address', 'add', '10.96.0.10/32', 'dev', 'kube-ipvs0');
      await expect.poll(services).toContain('10.96.0.10');
      runIn(lab.node.netns, 'ip', 'address', 'delete', '10.96.0.10/32', 'dev', 'kube-ipvs0');
      await expect.poll(services).not.toContain('10.96.0.10');
      const sets = (): string =>
        runIn(lab.node.netns, ...(mode === 'Enabled' ? ['nft', 'list', 'sets'] : ['ipset', 'list', '-name']));
      expect(sets()).toContain('ipvs-services');
      runIn(lab.node.netns, 'ip', 'link', 'delete', 'kube-ipvs0');
      await expect.poll(isAsked, { timeout: 20_000 }).toBe(false);
      expect(await forwarded()).toEqual([2, 1]);
      await expect.poll(sets).not.toContain('ipvs-services');
      await felix.end('SIGTERM');
    },
  );
});

/** The real felix with XDP: from the store to frames that never reach the packet filter, which denies them all the same. */
import { parseIp } from '@calico-node/net';
import { RouteSocket, type XdpProgram } from '@calico-node/netlink';
import { expect, test } from 'vitest';
import { XdpFilter } from '../src/dataplane/xdp/xdp-filter.ts';
import { StoreLab } from './support/store-lab.ts';
import { encodeFrame, FrameSender } from './support/raw-packet.ts';

const nftables = { FELIX_NFTABLESMODE: 'Enabled', FELIX_XDPREFRESHINTERVAL: '0.3' };
const iptables = { FELIX_NFTABLESMODE: 'Disabled', FELIX_IPTABLESBACKEND: 'nft' };

test('follows the store, outlives felix beside either packet filter, and goes when it is disabled', async () => {
  await using lab = await StoreLab.start();
  const { node, apply } = { node: lab.node, apply: lab.apply.bind(lab) };
  // What passes XDP, and what passes the raw table.
  const counted = (name: string, priority: number): string =>
    `set ${name} { typeof ip id; flags dynamic; size 1000; }
     chain ${name} { type filter hook prerouting priority ${priority}; iifname eth0 add @${name} { ip id }; }`;
  node.nft(`table ip probe {
    ${counted('came', -310)}
    ${counted('passed', -290)}
  }`);
  using route = RouteSocket.open({ netns: node.netns });
  using outside = new FrameSender(node.netns, route.getLink('fabric')!.index);
  const mac = Uint8Array.from(route.getLink('eth0')!.mac!.split(':'), (text) => parseInt(text, 16));
  let lastId = 0;
  const send = (source: string): { came: boolean; passed: boolean } => {
    lastId++;
    const ports = { protocol: 17, sourcePort: 4000, destinationPort: 5000 };
    const ends = { family: 4, source: parseIp(source), destination: parseIp('172.16.0.1') } as const;
    outside.send(encodeFrame({ ...ends, ...ports, conntrackState: 'new' }, mac, lastId));
    const has = (set: string): boolean =>
      new RegExp(`[^0-9]${lastId}[^0-9]`).test(node.nft('-n', 'list', 'set', 'ip', 'probe', set).join(' '));
    return { came: has('came'), passed: has('passed') };
  };
  const programs = (): readonly XdpProgram[] => route.listXdp().find(({ name }) => name === 'eth0')!.programs;

  await apply('HostEndpoint', { name: 'h', labels: { role: 'edge' } }, { node: 'node1', interfaceName: 'eth0' });
  const nets = (...list: string[]) => apply('GlobalNetworkSet', { name: 'bad', labels: { is: 'bad' } }, { nets: list });
  const ingress = [{ action: 'Deny', source: { selector: "is == 'bad'" } }];
  const flags = { types: ['Ingress'], doNotTrack: true, applyOnForward: true };
  await apply('GlobalNetworkPolicy', { name: 'p' }, { selector: "role == 'edge'", ...flags, ingress });
  await nets('198.51.100.0/24');

  await using felix = lab.startFelix(nftables);
  await felix.waitForRevision(await nets('198.51.100.0/24', '192.0.2.7/32'));
  expect(programs()).toMatchObject([{ mode: 'driver' }]);
  expect(send('198.51.100.9')).toEqual({ came: false, passed: false });
  expect(send('192.0.2.7')).toEqual({ came: false, passed: false });
  expect(send('203.0.113.9')).toEqual({ came: true, passed: true });
  await felix.waitForRevision(await nets('203.0.113.0/24'));
  expect(send('198.51.100.9')).toEqual({ came: true, passed: true });
  expect(send('203.0.113.9')).toEqual({ came: false, passed: false });

  const before = programs();
  const found = XdpFilter.identify(before[0]!.id);
  if (found?.kind !== 'ours') throw new Error('somebody else put a program there');
  using filter = found.filter;
  const sources = filter.sources();
  filter.unblock(sources);
  await expect.poll(() => filter.sources(), { timeout: 10_000 }).toEqual(sources);
  expect(felix.httpGet('/metrics')).toMatch(/^felix_xdp_dropped_packets\{iface="eth0"\} 3$/m);
  await felix.end('SIGKILL');
  expect(send('203.0.113.9')).toEqual({ came: false, passed: false });
  const revision = await nets('203.0.113.9/32', '198.51.100.9/32');
  await using again = lab.startFelix(iptables);
  await again.waitForRevision(revision);
  expect(programs()).toEqual(before);
  expect(send('198.51.100.9')).toEqual({ came: false, passed: false });
  await again.end('SIGKILL');

  await using without = lab.startFelix({ ...iptables, FELIX_XDPENABLED: 'false' });
  await without.waitForRevision(revision);
  expect(programs()).toEqual([]);
  expect(send('203.0.113.9')).toEqual({ came: true, passed: false });
  await without.end('SIGTERM');
});

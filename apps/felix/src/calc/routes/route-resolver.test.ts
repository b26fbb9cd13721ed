import { parseCidr, parseNodeName } from '@calico-node/net';
import { describe, expect, test } from 'vitest';
import { CalcGraph, type CalcGraphOptions, type StoreUpdate } from '../calc-graph.ts';
import { IntentMirror } from '../testing/intent-mirror.ts';
import { deleted, stored, storedBlock, storedEndpoint } from '../testing/resources.ts';
import { vxlanMac } from './vteps.ts';

const vxlanPool = stored('IPPool', { name: 'pool' }, { cidr: '10.0.0.0/16', vxlanMode: 'Always' });

function node(name: string, ipv4Address: string, tunnel?: string): StoreUpdate {
  return stored(
    'Node',
    { name },
    { bgp: { ipv4Address }, ...(tunnel === undefined ? {} : { ipv4VXLANTunnelAddr: tunnel }) },
  );
}

const cluster = [
  node('node1', '172.16.0.1/24', '10.0.0.1'),
  node('node2', '172.16.0.2/24', '10.0.2.1'),
  node('node3', '172.17.0.3/24', '10.0.3.1'),
  storedBlock({ cidr: '10.0.0.0/26', affinity: 'node1', holders: ['node1', 'node2'] }),
  storedBlock({ cidr: '10.0.2.0/26', affinity: 'node2', holders: ['node2', 'node3', 'node1', undefined] }),
  storedBlock({ cidr: '10.0.3.0/26', affinity: 'node3' }),
  storedBlock({ cidr: '10.0.4.0/26', affinity: null, holders: ['node3'] }),
];

/** A dataplane on node1, and the graph that feeds it. */
function started(updates: readonly StoreUpdate[], options: Omit<CalcGraphOptions, 'hostname'> = {}) {
  const graph = new CalcGraph({ hostname: parseNodeName('node1'), ...options });
  const mirror = new IntentMirror();
  graph.onInSync();
  const take = (...more: readonly StoreUpdate[]): Record<string, string> => {
    for (const update of more) graph.update(update);
    mirror.apply(graph.flush());
    return Object.fromEntries(
      [...mirror.routes].map(([destination, { route }]) => [
        destination,
        route.kind === 'blackhole' ? route.kind : `${route.kind} ${route.gateway}`,
      ]),
    );
  };
  return { routes: take(...updates), take, mirror };
}

test('sends blocks and borrowed addresses to the VXLAN device of the host that has them', () => {
  const { routes, mirror } = started([vxlanPool, ...cluster]);
  expect(routes).toEqual({
    '10.0.0.0/26': 'blackhole',
    '10.0.0.1/32': 'vxlan 10.0.2.1',
    '10.0.2.0/26': 'vxlan 10.0.2.1',
    '10.0.2.1/32': 'vxlan 10.0.3.1',
    '10.0.3.0/26': 'vxlan 10.0.3.1',
    '10.0.4.0/32': 'vxlan 10.0.3.1',
  });
  expect([...(mirror.sets.get('all-vxlan-net')?.members ?? [])].sort()).toEqual([
    '172.16.0.1/32',
    '172.16.0.2/32',
    '172.17.0.3/32',
  ]);
  expect(mirror.encapsulation).toMatchObject({ ipip: false, vxlan4: true, vxlan6: false });
});

test('goes straight to hosts in the own subnet when the pool says so, and follows when the subnet changes', () => {
  const { routes, take } = started([
    stored('IPPool', { name: 'pool' }, { cidr: '10.0.0.0/16', vxlanMode: 'CrossSubnet' }),
    ...cluster,
  ]);
  expect(routes).toMatchObject({ '10.0.2.0/26': 'direct 172.16.0.2', '10.0.3.0/26': 'vxlan 10.0.3.1' });
  expect(take(node('node1', '172.17.0.1/24'))).toMatchObject({
    '10.0.2.0/26': 'vxlan 10.0.2.1',
    '10.0.3.0/26': 'direct 172.17.0.3',
  });
});

describe('IP-in-IP pools', () => {
  const pool = (ipipMode: 'Always' | 'CrossSubnet') =>
    stored('IPPool', { name: 'pool' }, { cidr: '10.0.0.0/16', ipipMode });

  test('have no routes to other hosts unless they are to be programmed here', () => {
    const { routes, mirror } = started([pool('Always'), ...cluster]);
    expect(routes).toEqual({ '10.0.0.0/26': 'blackhole' });
    expect(mirror.encapsulation).toMatchObject({ ipip: true });
  });

  test('send to the hosts themselves', () => {
    const { routes, take } = started([pool('Always'), ...cluster], { programs: { ipip: true, plain: false } });
    expect(routes).toMatchObject({ '10.0.0.0/26': 'blackhole', '10.0.2.0/26': 'ipip 172.16.0.2' });
    expect(take(pool('CrossSubnet'))).toMatchObject({
      '10.0.2.0/26': 'direct 172.16.0.2',
      '10.0.3.0/26': 'ipip 172.17.0.3',
    });
  });

  test('have a device when that is asked for, and none when it is forbidden', () => {
    expect(started([], { encapsulations: { ipip: true } }).mirror.encapsulation).toMatchObject({ ipip: true });
    const { mirror } = started([pool('Always')], { encapsulations: { ipip: false } });
    expect(mirror.encapsulation).toMatchObject({ ipip: false });
  });
});

test('goes straight to hosts in the own subnet from pools without encapsulation, when those are to be programmed', () => {
  const pool = stored('IPPool', { name: 'pool' }, { cidr: '10.0.0.0/16' });
  expect(started([pool, ...cluster]).routes).toEqual({});
  expect(started([pool, ...cluster], { programs: { ipip: true, plain: true } }).routes).toEqual({
    '10.0.0.0/26': 'blackhole',
    '10.0.0.1/32': 'direct 172.16.0.2',
    '10.0.2.0/26': 'direct 172.16.0.2',
  });
});

test('takes the routes away when the pool, its mode, the block or the host goes', () => {
  const { take } = started([vxlanPool, ...cluster]);
  expect(take(stored('IPPool', { name: 'pool' }, { cidr: '10.0.0.0/16' }))).toEqual({});
  expect(Object.keys(take(vxlanPool))).toHaveLength(6);
  expect(Object.keys(take(...cluster.slice(2, 3).map(deleted)))).toEqual(['10.0.0.0/26', '10.0.0.1/32', '10.0.2.0/26']);
  expect(Object.keys(take(...cluster.slice(4, 5).map(deleted)))).toEqual(['10.0.0.0/26', '10.0.0.1/32']);
  expect(take(deleted(vxlanPool))).toEqual({});
});

test('has routes for IPv6 pools of their own', () => {
  const host = stored(
    'Node',
    { name: 'node2' },
    { bgp: { ipv6Address: 'fd00::2/64' }, ipv6VXLANTunnelAddr: 'fd65::1', vxlanTunnelMACAddrV6: '66:01:02:03:04:05' },
  );
  const { routes, mirror } = started([
    stored('IPPool', { name: 'pool' }, { cidr: 'fd65::/48', vxlanMode: 'Always' }),
    host,
    storedBlock({ cidr: 'fd65::/122', affinity: 'node2' }),
  ]);
  expect(routes).toEqual({ 'fd65::/122': 'vxlan fd65::1' });
  expect(mirror.hosts.get('node2')?.vxlan6).toEqual({ address: 'fd65::1', mac: '66:01:02:03:04:05' });
});

test('goes by the addresses of endpoints when they are the source, and not by blocks', () => {
  const remote = storedEndpoint({ node: 'node2', workload: 'b', spec: { ipNetworks: ['10.0.2.5/32', 'fd00::5/128'] } });
  const local = storedEndpoint({ workload: 'a', spec: { ipNetworks: ['10.0.0.5/32'] } });
  const { routes, take } = started([vxlanPool, ...cluster, remote, local], { routeSource: 'WorkloadIPs' });
  expect(routes).toEqual({ '10.0.2.5/32': 'vxlan 10.0.2.1' });
  const moved = storedEndpoint({ node: 'node3', workload: 'b', spec: { ipNetworks: ['10.0.2.5/32'] } });
  expect(take(moved, deleted(remote))).toEqual({ '10.0.2.5/32': 'vxlan 10.0.3.1' });
  expect(take(deleted(moved))).toEqual({});
});

test('leaves an address that an own endpoint has on its interface, whichever host the block gave it to', () => {
  const endpoint = storedEndpoint({ workload: 'a', spec: { ipNetworks: ['10.0.0.1/32'] } });
  const { routes, take } = started([vxlanPool, ...cluster, endpoint]);
  expect(Object.keys(routes)).toEqual(['10.0.0.0/26', '10.0.2.0/26', '10.0.2.1/32', '10.0.3.0/26', '10.0.4.0/32']);
  expect(take(deleted(endpoint))).toHaveProperty(['10.0.0.1/32'], 'vxlan 10.0.2.1');
  expect(take(endpoint)).not.toHaveProperty(['10.0.0.1/32']);
});

test('has VXLAN for IPv4 when that is asked for, and not when it is forbidden', () => {
  expect(started([], { encapsulations: { vxlan: true } }).mirror.encapsulation).toMatchObject({
    vxlan4: true,
    vxlan6: false,
  });
  expect(started([vxlanPool], { encapsulations: { vxlan: false } }).mirror.encapsulation).toMatchObject({
    vxlan4: false,
  });
});

test('takes the internal address that was reported of a node without BGP, or the external one for want of it', () => {
  const addresses = [
    { address: '192.0.2.2', type: 'ExternalIP' as const },
    { address: '2001:db8::2', type: 'ExternalIP' as const },
    { address: '172.16.0.2', type: 'InternalIP' as const },
    { address: '172.16.0.22', type: 'InternalIP' as const },
  ];
  const { mirror } = started([vxlanPool, stored('Node', { name: 'node2' }, { addresses })]);
  expect(mirror.hosts.get('node2')).toMatchObject({ ipv4: '172.16.0.2', ipv6: '2001:db8::2' });
});

test('counts hosts that are no nodes among those that may send into tunnels', () => {
  const { mirror } = started(cluster.slice(0, 1), { externalNodes: [parseCidr('192.0.2.0/24')] });
  for (const set of ['all-hosts-net', 'all-vxlan-net']) {
    expect([...(mirror.sets.get(set)?.members ?? [])].sort()).toEqual(['172.16.0.1/32', '192.0.2.0/24']);
  }
});

test('takes what is said of the own node before what its resource says', () => {
  const ownNode = { ipv4VXLANTunnelAddr: '10.0.0.9', vxlanTunnelMACAddr: '66:00:00:00:00:09' };
  const { mirror } = started(cluster, { ownNode });
  expect(mirror.hosts.get('node1')?.vxlan4).toEqual({ address: '10.0.0.9', mac: '66:00:00:00:00:09' });
  expect(mirror.hosts.get('node2')?.vxlan4).toMatchObject({ address: '10.0.2.1' });
});

test('takes the address of the IP-in-IP device in place of the resource’s, and leaves the rest of it', () => {
  const { mirror } = started(cluster, { ownNode: { bgp: { ipv4IPIPTunnelAddr: '10.0.0.8' } } });
  expect(mirror.hosts.get('node1')).toMatchObject({ ipipAddress: '10.0.0.8', ipv4: '172.16.0.1' });
});

test('refuses a block that cannot be read, and forgets what it said before', () => {
  const [, second] = cluster.slice(3);
  const { take } = started([vxlanPool, ...cluster]);
  expect(Object.keys(take({ ...second!, value: 'no block' }))).not.toContain('10.0.2.0/26');
});

test('derives the hardware address from the name as Felix does', () => {
  // printf node1 | sha1sum; printf node1-v6 | sha1sum
  expect(vxlanMac(parseNodeName('node1'), 4)).toBe('66:f9:37:c3:7e:94');
  expect(vxlanMac(parseNodeName('node1'), 6)).toBe('66:0f:35:f2:60:df');
});

test('tells of an own endpoint’s address where no own block has it', () => {
  const own = storedEndpoint({ workload: 'a', spec: { ipNetworks: ['10.0.0.5/32', '10.0.2.5/32'] } });
  const { take, mirror } = started([vxlanPool, ...cluster, own], { tellsOwners: true });
  const told = (): readonly string[] =>
    ['10.0.0.5/32', '10.0.2.5/32'].filter((net) => mirror.owners.has(parseCidr(net)));
  expect(told()).toEqual(['10.0.2.5/32']);
  take(storedBlock({ cidr: '10.0.0.0/26', affinity: 'node2' }));
  expect(told()).toEqual(['10.0.0.5/32', '10.0.2.5/32']);
  take(
    storedBlock({ cidr: '10.0.0.0/26', affinity: 'node1' }),
    storedBlock({ cidr: '10.0.2.0/26', affinity: 'node1' }),
  );
  expect(told()).toEqual([]);
});

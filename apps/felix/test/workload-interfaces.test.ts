import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { parseCidr, parseIp, parseMac, type Cidr } from '@calico-node/net';
import {
  addRoute,
  createNetns,
  createVeth,
  deleteLink,
  deleteNetns,
  deleteRoute,
  readSysctl,
  RouteSocket,
  setLink,
} from '@calico-node/netlink';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { workloadEndpointIdOf, type WorkloadEndpointId } from '../src/calc/endpoint-id.ts';
import type { LocalWorkloadEndpoint } from '../src/calc/intents.ts';
import { WorkloadInterfaces, type WorkloadInterfacesOptions } from '../src/dataplane/interfaces/workload-interfaces.ts';
import { runIn } from './support/node-lab.ts';

let netns: string;
let socket: RouteSocket;
let interfaces: WorkloadInterfaces;
let dirty: number;
let repaired: string[];

const identity = (name: string) => ({ orchestratorId: 'cni', workloadId: `default/${name}`, endpointId: 'eth0' });
const idOf = (name: string): WorkloadEndpointId => workloadEndpointIdOf(identity(name));

function endpoint(name: string, address: string, more: Partial<LocalWorkloadEndpoint> = {}): LocalWorkloadEndpoint {
  return {
    identity: identity(name),
    revision: 1n,
    adminUp: true,
    interfaceName: `cali${name}`,
    addresses: [parseCidr(address)],
    allowedSourcePrefixes: [],
    nats: [],
    tiers: [],
    profiles: [],
    ...more,
  };
}

function open(more: Partial<WorkloadInterfacesOptions> = {}): WorkloadInterfaces {
  dirty = 0;
  repaired = [];
  return new WorkloadInterfaces({
    netns,
    prefixes: ['cali'],
    ipv6: false,
    routeProtocol: 3,
    metric: { 4: 1024, 6: 1024 },
    onDirty: () => {
      dirty += 1;
    },
    onRepair: (destinations) => repaired.push(...destinations),
    ...more,
  });
}

function addLink(name: string): void {
  socket.apply([
    createVeth({ name: `cali${name}`, peer: { name: `p${name}` } }),
    setLink({ name: `cali${name}`, up: true }),
    setLink({ name: `p${name}`, up: true }),
  ]);
}

const workloadRoutes = (): string[] =>
  socket
    .listRoutes({ family: 4 })
    .filter((route) => route.protocol !== 2)
    .map((route) => {
      const link = route.interfaceIndex === undefined ? undefined : socket.getLink(route.interfaceIndex);
      return `${route.destination} ${link?.name} proto ${route.protocol} scope ${route.scope} metric ${route.metric ?? 0}`;
    })
    .sort();

function apply(): void {
  expect(interfaces.withdraw()).toEqual([]);
  interfaces.establish();
}

async function eventually(holds: () => boolean): Promise<void> {
  for (let round = 0; round < 200 && !holds(); round += 1) await delay(10);
  expect(holds()).toBe(true);
}

beforeEach(() => {
  netns = `cnt-${randomBytes(5).toString('hex')}`;
  createNetns(netns);
  socket = RouteSocket.open({ netns });
  interfaces = open();
});

afterEach(() => {
  interfaces.close();
  socket.close();
  deleteNetns(netns);
});

describe('WorkloadInterfaces', () => {
  test('gives the node the addresses that a workload peers with, on its interface alone, and takes back those of an earlier run', async () => {
    const addressesOn = (name: string): string[] => {
      const index = socket.getLink(`cali${name}`)?.index ?? 0;
      const all = socket.listAddresses({ interfaceIndex: index });
      return all
        .map(({ ip, prefixLength, scope }) => `${ip}/${prefixLength} ${scope}`)
        .filter((one) => !one.startsWith('fe80'));
    };
    const peeringAddresses = ['169.254.0.179', 'fd12::179'].map(parseIp);
    const own = ['169.254.0.179/32 link', 'fd12::179/128 universe'];
    addLink('a');
    addLink('b');
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32', { peeringAddresses }));
    interfaces.update(idOf('b'), endpoint('b', '10.0.0.2/32'));
    apply();
    expect([addressesOn('a'), addressesOn('b')]).toEqual([own, []]);
    // IPv6 addresses go with the interface.
    socket.apply([setLink({ name: 'calia', up: false }), setLink({ name: 'calia', up: true })]);
    await eventually(() => (apply(), addressesOn('a').length === 2));

    interfaces.close();
    interfaces = open();
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32'));
    interfaces.update(idOf('b'), endpoint('b', '10.0.0.2/32', { peeringAddresses }));
    apply();
    expect([addressesOn('a'), addressesOn('b')]).toEqual([[], own]);
    interfaces.update(idOf('b'), endpoint('b', '10.0.0.2/32'));
    apply();
    expect(addressesOn('b')).toEqual([]);
  });

  test('routes an endpoint’s address over its interface, with Calico’s settings and a static neighbour', () => {
    addLink('a');
    const mac = parseMac('ee:00:00:00:00:01');
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32', { mac }));
    apply();
    expect(workloadRoutes()).toEqual(['10.0.0.1/32 calia proto 3 scope link metric 1024']);
    expect(interfaces.stateOf(idOf('a'))).toEqual({ state: 'up' });
    expect(readSysctl('net/ipv4/conf/calia/proxy_arp', { netns })).toBe('1');
    expect(readSysctl('net/ipv4/conf/calia/forwarding', { netns })).toBe('1');
    expect(readSysctl('net/ipv4/neigh/calia/proxy_delay', { netns })).toBe('0');
    expect(socket.listNeighbours({ family: 4 })).toMatchObject([{ ip: '10.0.0.1', mac, state: 'permanent' }]);
  });

  test('waits for an interface that comes later', async () => {
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32'));
    apply();
    expect(interfaces.stateOf(idOf('a'))).toEqual({ state: 'down', reason: 'interface calia does not exist' });
    addLink('a');
    await eventually(() => dirty > 0);
    await eventually(() => {
      apply();
      return interfaces.stateOf(idOf('a')).state === 'up';
    });
    expect(workloadRoutes()).toHaveLength(1);
  });

  test('a second start writes nothing', () => {
    addLink('a');
    const mac = parseMac('ee:00:00:00:00:01');
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32', { mac }));
    apply();
    interfaces.close();
    interfaces = open();
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32', { mac }));
    apply();
    expect(interfaces.writes).toBe(0);
    expect(interfaces.stateOf(idOf('a')).state).toBe('up');
  });

  test('removes routes of endpoints that are gone, found after a restart, and nobody else’s', () => {
    addLink('a');
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32'));
    apply();
    socket.apply([createVeth({ name: 'eth7', peer: { name: 'p7' } }), setLink({ name: 'eth7', up: true })]);
    const foreign = socket.getLink('eth7')!.index;
    socket.apply([addRoute({ destination: parseCidr('10.9.0.0/16'), interfaceIndex: foreign })]);
    interfaces.close();
    interfaces = open();
    apply();
    expect(workloadRoutes()).toEqual(['10.9.0.0/16 eth7 proto 4 scope link metric 0']);
  });

  test.each([
    [true, []],
    [false, ['10.9.0.0/16 calia proto 4 scope link metric 0']],
  ])('removes others’ routes over workload interfaces: %s', (removesExternalRoutes, others) => {
    addLink('a');
    const { index } = socket.getLink('calia')!;
    socket.apply([addRoute({ destination: parseCidr('10.9.0.0/16'), interfaceIndex: index })]);
    interfaces.close();
    interfaces = open({ removesExternalRoutes });
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32'));
    apply();
    expect(workloadRoutes()).toEqual(['10.0.0.1/32 calia proto 3 scope link metric 1024', ...others]);
    interfaces.remove(idOf('a'));
    apply();
    expect(workloadRoutes()).toEqual(others);
  });

  test('leaves routes and neighbours as they are where they are not its business', () => {
    addLink('a');
    const { index } = socket.getLink('calia')!;
    socket.apply([addRoute({ destination: parseCidr('10.9.0.0/16'), interfaceIndex: index })]);
    interfaces.close();
    interfaces = open({ withoutRoutes: true });
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32', { mac: parseMac('ee:00:00:00:00:01') }));
    apply();
    expect(workloadRoutes()).toEqual(['10.9.0.0/16 calia proto 4 scope link metric 0']);
    expect(socket.listNeighbours({ family: 4 })).toEqual([]);
    expect(readSysctl('net/ipv4/conf/calia/proxy_arp', { netns })).toBe('1');
    expect(interfaces.stateOf(idOf('a'))).toEqual({ state: 'up' });
  });

  test('repairs routes that somebody removed or made, counts that and tells of it', async () => {
    addLink('a');
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32'));
    apply();
    const before = workloadRoutes();
    const route = socket.listRoutes({ family: 4 }).find((candidate) => candidate.protocol === 3);
    using other = RouteSocket.open({ netns });
    other.apply([deleteRoute(route!)]);
    await eventually(() => dirty > 0);
    apply();
    expect(workloadRoutes()).toEqual(before);
    dirty = 0;
    other.apply([addRoute({ destination: parseCidr('10.9.9.0/24'), interfaceIndex: route!.interfaceIndex! })]);
    await eventually(() => dirty > 0);
    apply();
    expect(workloadRoutes()).toEqual(before);
    expect([interfaces.repairs, repaired]).toEqual([2, ['route 10.0.0.1/32', 'route 10.9.9.0/24']]);
    interfaces.remove(idOf('a'));
    apply();
    expect(interfaces.repairs).toBe(2);
  });

  test.each([
    ['route 10.0.0.1/32', 'ip route replace 10.0.0.1 dev calib metric 1024 proto 80'],
    ['route 10.0.0.1/32', 'ip route replace 10.0.0.1 dev eth9 metric 1024'],
    ['route 10.0.0.1/32', 'ip route prepend 10.0.0.1 dev eth9 metric 1024'],
    ['neighbour 10.0.0.1 on calia', 'ip neighbour delete 10.0.0.1 dev calia'],
    ['neighbour 10.0.0.1 on calia', 'ip neighbour replace 10.0.0.1 lladdr ee:00:00:00:00:02 dev calia'],
    ['neighbour 10.0.0.1 on calia', 'ip neighbour change 10.0.0.1 nud stale dev calia'],
    ['address 169.254.0.179 on calia', 'ip address delete 169.254.0.179/32 dev calia'],
    ['net/ipv4/conf/calia/proxy_arp', 'sysctl -qw net.ipv4.conf.calia.proxy_arp=0'],
    ['net/ipv4/conf/calia/rp_filter', 'sysctl -qw net.ipv4.conf.calia.rp_filter=2'],
    ['net/ipv4/conf/calia/forwarding', 'sysctl -qw net.ipv4.conf.calia.forwarding=0'],
    ['net/ipv4/ip_forward', 'sysctl -qw net.ipv4.ip_forward=0'],
  ])('puts right %s after %s', async (what, command) => {
    interfaces.enableForwarding();
    addLink('a');
    addLink('b');
    const mac = parseMac('ee:00:00:00:00:01');
    const peeringAddresses = [parseIp('169.254.0.179')];
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32', { mac, peeringAddresses }));
    interfaces.update(idOf('b'), endpoint('b', '10.0.0.2/32'));
    apply();
    socket.apply([createVeth({ name: 'eth9', peer: { name: 'p9' } }), setLink({ name: 'eth9', up: true })]);
    const listing = () => [
      ...workloadRoutes(),
      ...socket.listNeighbours({ family: 4 }).map(({ ip, mac: known, state }) => `${ip} ${known} ${state}`),
      runIn(netns, 'sysctl', 'net.ipv4.ip_forward', 'net.ipv4.conf.calia', '-a', '--pattern', 'ip_forward$|calia'),
      runIn(netns, 'ip', '-4', 'address', 'show', 'calia'),
    ];
    // What the kernel told until now is heard.
    await delay(20);
    apply();
    const before = listing();
    runIn(netns, ...command.split(' '));
    expect(listing()).not.toEqual(before);
    await eventually(() => (apply(), listing().join() === before.join()));
    expect(interfaces.repairs).toBe(1);
    expect(repaired).toContain(what);
  });

  test('finds what the kernel tells nobody of when it looks again', () => {
    addLink('a');
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32'));
    apply();
    runIn(netns, 'sysctl', '-qw', 'net.ipv4.conf.calia.route_localnet=0', 'net.ipv4.neigh.calia.proxy_delay=80');
    interfaces.resync();
    apply();
    expect(repaired).toEqual(['net/ipv4/conf/calia/route_localnet', 'net/ipv4/neigh/calia/proxy_delay']);
    interfaces.resync();
    apply();
    expect(interfaces.repairs).toBe(1);
  });

  test('keeps routes and neighbours of an interface that goes down and up, or has addresses no more', async () => {
    addLink('a');
    const mac = parseMac('ee:00:00:00:00:01');
    const peeringAddresses = [parseIp('169.254.0.179')];
    const states = () => socket.listNeighbours({ family: 4 }).map(({ state }) => state);
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32', { mac, peeringAddresses }));
    apply();
    // The kernel drops the routes over an interface with its last address.
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32', { mac }));
    apply();
    expect(workloadRoutes()).toHaveLength(1);
    runIn(netns, 'sh', '-c', 'ip link set calia down; ip link set calia up');
    await eventually(() => (apply(), workloadRoutes().length === 1 && states().join() === 'permanent'));
    expect(interfaces.repairs).toBe(0);
  });

  test('takes back the neighbours of addresses that an endpoint has no more, and of one that is gone', () => {
    addLink('a');
    const known = (): string[] => socket.listNeighbours({ family: 4 }).map(({ ip, mac }) => `${ip} ${mac}`);
    const mac = parseMac('ee:00:00:00:00:01');
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32', { mac }));
    apply();
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.2/32', { mac }));
    apply();
    expect(known()).toEqual(['10.0.0.2 ee:00:00:00:00:01']);
    interfaces.remove(idOf('a'));
    apply();
    expect(known()).toEqual([]);
  });

  test('follows the name of an interface that is renamed, to another workload’s or to nobody’s', async () => {
    addLink('a');
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32'));
    interfaces.update(idOf('b'), endpoint('b', '10.0.0.2/32'));
    apply();
    const rename = (from: string, to: string): string =>
      runIn(netns, 'sh', '-ec', `ip link set ${from} down; ip link set ${from} name ${to}; ip link set ${to} up`);
    rename('calia', 'calib');
    const routed = (...routes: readonly string[]) =>
      eventually(() => (apply(), workloadRoutes().join() === routes.join()));
    await routed('10.0.0.2/32 calib proto 3 scope link metric 1024');
    expect(interfaces.stateOf(idOf('a'))).toEqual({ state: 'down', reason: 'interface calia does not exist' });
    expect(readSysctl('net/ipv4/conf/calib/proxy_arp', { netns })).toBe('1');
    rename('calib', 'other');
    await eventually(() => (apply(), interfaces.stateOf(idOf('b')).state === 'down'));
    expect(workloadRoutes()).toEqual([]);
    rename('other', 'calia');
    await routed('10.0.0.1/32 calia proto 3 scope link metric 1024');
  });

  test('an address that moves to another endpoint keeps one route, over the new interface', () => {
    addLink('a');
    addLink('b');
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32'));
    apply();
    interfaces.remove(idOf('a'));
    interfaces.update(idOf('b'), endpoint('b', '10.0.0.1/32'));
    apply();
    expect(workloadRoutes()).toEqual(['10.0.0.1/32 calib proto 3 scope link metric 1024']);
  });

  test('of two endpoints with one address the lowest id has it, whatever came first', () => {
    addLink('a');
    addLink('b');
    interfaces.update(idOf('b'), endpoint('b', '10.0.0.1/32'));
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32'));
    apply();
    expect(workloadRoutes()).toEqual(['10.0.0.1/32 calia proto 3 scope link metric 1024']);
    expect(interfaces.stateOf(idOf('b'))).toEqual({
      state: 'error',
      reason: 'address 10.0.0.1/32 belongs to cni/default%2fa/eth0',
    });
  });

  test('comes back when an interface is made anew under the same name', async () => {
    addLink('a');
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32'));
    apply();
    socket.apply([deleteLink({ name: 'calia' })]);
    await eventually(() => dirty > 0);
    apply();
    expect(interfaces.stateOf(idOf('a')).state).toBe('down');
    addLink('a');
    await eventually(() => {
      apply();
      return interfaces.stateOf(idOf('a')).state === 'up';
    });
    expect(workloadRoutes()).toHaveLength(1);
    expect(readSysctl('net/ipv4/conf/calia/proxy_arp', { netns })).toBe('1');
  });

  test('follows an interface into another namespace and back', async () => {
    addLink('a');
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32', { mac: parseMac('ee:00:00:00:00:01') }));
    apply();
    const elsewhere = `${netns}-x`;
    createNetns(elsewhere);
    try {
      runIn(netns, 'ip', 'link', 'set', 'calia', 'netns', `/run/netns/${elsewhere}`);
      await eventually(() => (apply(), interfaces.stateOf(idOf('a')).state === 'down'));
      runIn(elsewhere, 'ip', 'link', 'set', 'calia', 'netns', `/run/netns/${netns}`);
      runIn(netns, 'ip', 'link', 'set', 'calia', 'up');
      await eventually(() => (apply(), interfaces.stateOf(idOf('a')).state === 'up'));
    } finally {
      deleteNetns(elsewhere);
    }
    expect(workloadRoutes()).toEqual(['10.0.0.1/32 calia proto 3 scope link metric 1024']);
    expect(socket.listNeighbours({ family: 4 })).toMatchObject([{ ip: '10.0.0.1', state: 'permanent' }]);
    expect(readSysctl('net/ipv4/conf/calia/proxy_arp', { netns })).toBe('1');
    expect(interfaces.repairs).toBe(0);
  });

  test('routes an endpoint that has IPv6 addresses alone', () => {
    addLink('a');
    interfaces.close();
    interfaces = open({ ipv6: true });
    const mac = parseMac('ee:00:00:00:00:01');
    interfaces.update(idOf('a'), endpoint('a', 'fd65::1/128', { mac }));
    apply();
    const routes = socket.listRoutes({ family: 6 }).filter(({ protocol }) => protocol === 3);
    expect(routes).toMatchObject([{ destination: 'fd65::1/128', metric: 1024 }]);
    expect(interfaces.stateOf(idOf('a'))).toEqual({ state: 'up' });
    expect(readSysctl('net/ipv6/conf/calia/proxy_ndp', { netns })).toBe('1');
    expect(socket.listNeighbours({ family: 4 })).toEqual([]);
  });

  test('names the endpoints whose state may have changed', async () => {
    for (const [name, address] of [['a', '10.0.0.1/32'] as const, ['b', '10.0.0.2/32'] as const]) {
      addLink(name);
      interfaces.update(idOf(name), endpoint(name, address));
    }
    apply();
    expect(interfaces.takeTouched()).toEqual(new Set([idOf('a'), idOf('b')]));
    expect(interfaces.takeTouched().size).toBe(0);
    interfaces.update(idOf('c'), endpoint('c', '10.0.0.2/32', { interfaceName: 'calib' }));
    apply();
    expect(interfaces.takeTouched()).toEqual(new Set([idOf('b'), idOf('c')]));
    socket.apply([setLink({ name: 'calia', up: false })]);
    const touched = new Set<WorkloadEndpointId>();
    await eventually(() => {
      apply();
      for (const id of interfaces.takeTouched()) touched.add(id);
      return interfaces.stateOf(idOf('a')).state === 'down';
    });
    expect(touched).toContain(idOf('a'));
  });

  test('an endpoint that is administratively down has no route', () => {
    addLink('a');
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32'));
    apply();
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32', { adminUp: false }));
    apply();
    expect(workloadRoutes()).toEqual([]);
  });

  test('1,000 endpoints are routed, and one more writes one route', () => {
    addLink('a');
    const addresses: Cidr[] = Array.from({ length: 1000 }, (_, n) => parseCidr(`10.1.${n >> 8}.${n & 255}/32`));
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32', { addresses }));
    apply();
    expect(workloadRoutes()).toHaveLength(1000);
    const before = interfaces.writes;
    interfaces.update(idOf('a'), endpoint('a', '10.0.0.1/32', { addresses: [...addresses, parseCidr('10.2.0.1/32')] }));
    apply();
    expect(interfaces.writes - before).toBe(1);
  });
});

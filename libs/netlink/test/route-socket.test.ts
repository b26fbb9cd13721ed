import { describe, expect, test } from 'vitest';
import { addToIp, hostCidr, parseCidr, parseIp, parseMac } from '@calico-node/net';
import {
  addAddress,
  addRoute,
  createBridge,
  createVeth,
  createVxlan,
  deleteAddress,
  deleteFdbEntry,
  deleteLink,
  deleteNeighbour,
  deleteRoute,
  openNetns,
  replaceFdbEntry,
  replaceNeighbour,
  replaceRoute,
  RouteBatch,
  RouteSocket,
  setLink,
  readSysctl,
} from '../src/index.ts';
import { backends, scratchNetns } from './scratch.ts';

const vethUp = [
  createVeth({ name: 'v0', peer: { name: 'v1' } }),
  setLink({ name: 'v0', up: true }),
  setLink({ name: 'v1', up: true }),
];

describe.each(backends)('RouteSocket on %s', (_, native) => {
  test('sees only the loopback in a new namespace', () => {
    using netns = scratchNetns();
    using socket = RouteSocket.open({ netns: netns.name, native });
    expect(socket.listLinks()).toMatchObject([{ index: 1, name: 'lo', kind: undefined, up: false, running: false }]);
    expect(socket.listAddresses()).toEqual([]);
    expect(socket.getLink('none')).toBeUndefined();
    expect(socket.getLink(99)).toBeUndefined();
  });

  test('makes a veth pair with the peer in another namespace', () => {
    using host = scratchNetns();
    using pod = scratchNetns();
    using podNetns = openNetns(pod.name);
    using hostSocket = RouteSocket.open({ netns: host.name, native });
    using podSocket = RouteSocket.open({ netns: podNetns, native });
    const mac = parseMac('ee:ee:ee:ee:ee:ee');
    hostSocket.apply([
      createVeth({
        name: 'cali0',
        mtu: 1440,
        mac,
        peer: { name: 'eth0', netns: podNetns, mtu: 1440, mac: parseMac('02:00:00:00:00:01') },
      }),
      setLink({
        name: 'cali0',
        up: true,
        inetConf: { proxyArp: true, forwarding: true, rpFilter: 1, routeLocalnet: true },
      }),
    ]);
    podSocket.apply([setLink({ name: 'eth0', up: true })]);
    const end = hostSocket.getLink('cali0');
    const peer = podSocket.getLink('eth0');
    expect(end).toMatchObject({ name: 'cali0', kind: 'veth', mtu: 1440, mac, up: true, running: true });
    expect(peer).toMatchObject({ kind: 'veth', mac: '02:00:00:00:00:01', mtu: 1440, up: true, peerIndex: end?.index });
    expect(end?.peerNetnsId).toBeTypeOf('number');
    expect(readSysctl('net/ipv4/conf/cali0/proxy_arp', { netns: host.name, native })).toBe('1');
    expect(readSysctl('net/ipv4/conf/cali0/rp_filter', { netns: host.name, native })).toBe('1');
    expect(readSysctl('net/ipv4/conf/cali0/route_localnet', { netns: host.name, native })).toBe('1');
  });

  test('changes, renames and deletes links', async () => {
    using netns = scratchNetns();
    using socket = RouteSocket.open({ netns: netns.name, native });
    socket.apply([...vethUp, createBridge({ name: 'br0' })]);
    const bridge = socket.getLink('br0')!;
    const veth = socket.getLink('v0')!;
    expect(bridge.kind).toBe('bridge');
    expect(socket.getLink('v1')?.peerIndex).toBe(veth.index);
    socket.apply([setLink({ index: veth.index, master: bridge.index, alias: 'uplink' })]);
    expect(socket.getLink(veth.index)).toMatchObject({ masterIndex: bridge.index, alias: 'uplink' });
    socket.apply([
      setLink({ index: veth.index, master: 0, up: false }),
      setLink({ index: veth.index, rename: 'v9', mtu: 1400 }),
    ]);
    expect(socket.getLink('v9')).toMatchObject({ index: veth.index, masterIndex: undefined, up: false, mtu: 1400 });
    expect(await socket.executeAsync([deleteLink({ name: 'v9' }), deleteLink({ name: 'br0' })])).toEqual([
      undefined,
      undefined,
    ]);
    expect(socket.listLinks().map((link) => link.name)).toEqual(['lo']);
  });

  test('adds, lists and deletes addresses of both families', () => {
    using netns = scratchNetns();
    using socket = RouteSocket.open({ netns: netns.name, native });
    const four = { interfaceIndex: 1, ip: parseIp('10.9.8.7'), prefixLength: 24, scope: 'host' } as const;
    const six = { interfaceIndex: 1, ip: parseIp('fd00::7'), prefixLength: 64, skipsDad: true } as const;
    socket.apply([setLink({ name: 'lo', up: true }), addAddress(four), addAddress(six)]);
    expect(socket.listAddresses({ family: 4 })).toContainEqual(
      expect.objectContaining({ ip: '10.9.8.7', prefixLength: 24, scope: 'host' }),
    );
    expect(socket.listAddresses({ family: 6 })).toContainEqual(
      expect.objectContaining({ ip: 'fd00::7', prefixLength: 64, isTentative: false }),
    );
    expect(socket.execute([addAddress(four)])[0]).toMatchObject({ code: 'EEXIST' });
    socket.apply([deleteAddress(four), deleteAddress(six)]);
    const left = socket.listAddresses({ interfaceIndex: 1 }).map((address) => address.ip as string);
    expect(left).not.toContain('10.9.8.7');
    expect(left).not.toContain('fd00::7');
  });

  test('round-trips every sort of route through the kernel', () => {
    using netns = scratchNetns();
    using socket = RouteSocket.open({ netns: netns.name, native });
    socket.apply(vethUp);
    const index = socket.getLink('v0')!.index;
    const other = socket.getLink('v1')!.index;
    socket.apply([addAddress({ interfaceIndex: index, ip: parseIp('10.0.0.1'), prefixLength: 24 })]);
    const workload = {
      destination: parseCidr('10.65.0.2/32'),
      interfaceIndex: index,
      scope: 'link',
      protocol: 80,
      source: parseIp('10.0.0.1'),
    } as const;
    const onlink = {
      destination: parseCidr('10.66.0.0/26'),
      interfaceIndex: index,
      gateway: parseIp('172.16.0.1'),
      onlink: true,
      protocol: 80,
      metric: 77,
    } as const;
    const blackhole = { destination: parseCidr('10.65.0.0/26'), type: 'blackhole', protocol: 80 } as const;
    const multipath = {
      destination: parseCidr('10.67.0.0/26'),
      protocol: 12,
      multipath: [
        { gateway: parseIp('10.0.0.2'), interfaceIndex: index, weight: 2 },
        { gateway: parseIp('172.16.0.9'), interfaceIndex: other, weight: 1, onlink: true },
      ],
    } as const;
    const largeTable = { destination: parseCidr('0.0.0.0/0'), type: 'throw', table: 100_000 } as const;
    const specs = [workload, onlink, blackhole, multipath, largeTable];
    expect(socket.execute(specs.map(addRoute))).toEqual(specs.map(() => undefined));
    const routes = socket.listRoutes({ family: 4 });
    expect(routes).toEqual(
      expect.arrayContaining(
        [workload, onlink, blackhole, multipath].map((spec) => expect.objectContaining(spec) as unknown),
      ),
    );
    expect(routes.every((route) => route.table === 254)).toBe(true);
    expect(socket.listRoutes({ family: 4, table: 100_000 })).toEqual([expect.objectContaining(largeTable)]);
    expect(socket.listRoutes({ family: 4, table: 4711 })).toEqual([]);
    expect(socket.listRoutes({ family: 4, table: 'all' }).length).toBeGreaterThan(routes.length + 1);
    expect(socket.lookupRoute(parseIp('10.65.0.2'))).toMatchObject({ interfaceIndex: index, source: '10.0.0.1' });
    expect(socket.lookupRoute(parseIp('10.65.0.3'))).toBeUndefined();
    socket.apply(specs.map(deleteRoute));
    expect(socket.listRoutes({ family: 4 }).filter((route) => route.protocol !== 2)).toEqual([]);
  });

  test('round-trips IPv6 routes through the kernel', () => {
    using netns = scratchNetns();
    using socket = RouteSocket.open({ netns: netns.name, native });
    socket.apply(vethUp);
    const index = socket.getLink('v0')!.index;
    const workload = { destination: parseCidr('fd00:65::2/128'), interfaceIndex: index, protocol: 80 } as const;
    const blackhole = { destination: parseCidr('fd00:65::/122'), type: 'blackhole', protocol: 80, metric: 5 } as const;
    const multipath = {
      destination: parseCidr('fd00:67::/122'),
      multipath: [
        { gateway: parseIp('fe80::2'), interfaceIndex: index },
        { gateway: parseIp('fe80::3'), interfaceIndex: index },
      ],
    } as const;
    const viaIpv6 = {
      destination: parseCidr('10.1.0.0/16'),
      gateway: parseIp('fe80::2'),
      interfaceIndex: index,
    } as const;
    socket.apply([workload, blackhole, multipath, viaIpv6].map(addRoute));
    const routes = socket.listRoutes({ family: 6 });
    expect(routes).toContainEqual(expect.objectContaining(workload));
    expect(routes).toContainEqual(expect.objectContaining(blackhole));
    expect(routes.find((route) => route.destination === 'fd00:67::/122')?.multipath).toMatchObject(multipath.multipath);
    expect(socket.listRoutes({ family: 4 })).toContainEqual(expect.objectContaining(viaIpv6));
    expect(socket.execute([workload, blackhole, multipath, viaIpv6].map(deleteRoute))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('replaces a route in place, and fails only the requests that are wrong', () => {
    using netns = scratchNetns();
    using socket = RouteSocket.open({ netns: netns.name, native });
    socket.apply(vethUp);
    const index = socket.getLink('v0')!.index;
    const destination = parseCidr('10.65.0.0/26');
    const outcome = socket.execute([
      addRoute({ destination, type: 'blackhole' }),
      addRoute({ destination, type: 'blackhole' }),
      addRoute({ destination: parseCidr('10.70.0.0/26'), gateway: parseIp('192.0.2.1') }),
      replaceRoute({ destination, interfaceIndex: index }),
      deleteRoute({ destination: parseCidr('10.99.0.0/26') }),
      addRoute({ destination: parseCidr('10.71.0.0/26'), interfaceIndex: index }),
    ]);
    expect(outcome.map((error) => error?.code)).toEqual([
      undefined,
      'EEXIST',
      'ENETUNREACH',
      undefined,
      'ESRCH',
      undefined,
    ]);
    expect(outcome[2]).toMatchObject({
      requestIndex: 2,
      message: 'add route 10.70.0.0/26: ENETUNREACH: Nexthop has invalid gateway',
    });
    expect(socket.listRoutes({ family: 4 })).toEqual([
      expect.objectContaining({ destination, type: 'unicast', interfaceIndex: index }),
      expect.objectContaining({ destination: '10.71.0.0/26' }),
    ]);
  });

  test('adds, dumps and deletes 10,000 routes', async () => {
    using netns = scratchNetns();
    using socket = RouteSocket.open({ netns: netns.name, native });
    socket.apply(vethUp);
    const interfaceIndex = socket.getLink('v0')!.index;
    const specs = Array.from({ length: 10_000 }, (_, index) => ({
      destination: hostCidr(addToIp(parseIp('10.65.0.0'), index)),
      interfaceIndex,
      protocol: 80,
    }));
    expect(socket.execute(specs.map(addRoute)).filter((error) => error !== undefined)).toEqual([]);
    const listed = socket.listRoutes({ family: 4 });
    expect(new Set(listed.map((route) => route.destination))).toEqual(new Set(specs.map((spec) => spec.destination)));
    const again = socket.execute(specs.map(addRoute));
    expect(again.map((error) => error?.requestIndex)).toEqual(specs.map((_, index) => index));
    expect(await socket.executeAsync(specs.map(deleteRoute))).toEqual(specs.map(() => undefined));
    expect(socket.listRoutes({ family: 4 })).toEqual([]);
  });

  test('writes batches of routes, and says which of them the kernel refused', async () => {
    using netns = scratchNetns();
    using socket = RouteSocket.open({ netns: netns.name, native });
    socket.apply(vethUp);
    const way = { protocol: 80, interfaceIndex: socket.getLink('v0')!.index };
    const nowhere = { protocol: 80, type: 'blackhole' } as const;
    const batch = new RouteBatch();
    const all = Array.from({ length: 500 }, (_, index) => hostCidr(addToIp(parseIp('10.65.0.0'), index)));
    for (const [index, destination] of all.entries()) {
      batch.append('add', destination, way);
      if (index % 100 === 0) batch.append('add', destination, way);
      batch.append('replace', destination, nowhere);
    }
    const errors = (await socket.executeBatch(batch)).filter((error) => error !== undefined);
    expect(errors).toMatchObject([0, 201, 402, 603, 804].map((at) => ({ code: 'EEXIST', requestIndex: at + 1 })));
    expect(errors[1]?.message).toContain('add route 10.65.0.100/32');
    expect(socket.listRoutes({ family: 4 }).filter(({ type }) => type === 'blackhole')).toHaveLength(500);
    batch.clear();
    for (const destination of all) batch.append('delete', destination, { protocol: 80 });
    expect(await socket.executeBatch(batch)).toEqual(all.map(() => undefined));
    expect(socket.listRoutes({ family: 4 })).toEqual([]);
    batch.clear();
    expect(await socket.executeBatch(batch)).toEqual([]);
  });

  test('answers synchronous calls while asynchronous ones are under way', async () => {
    using netns = scratchNetns();
    using socket = RouteSocket.open({ netns: netns.name, native });
    socket.apply(vethUp);
    const interfaceIndex = socket.getLink('v0')!.index;
    const routes = (network: string) =>
      Array.from({ length: 3000 }, (_, index) =>
        addRoute({ destination: hostCidr(addToIp(parseIp(network), index)), interfaceIndex }),
      );
    const first = socket.executeAsync(routes('10.1.0.0'));
    const second = socket.executeAsync([
      ...routes('10.2.0.0'),
      addRoute({ destination: parseCidr('10.1.0.0/32'), interfaceIndex }),
    ]);
    for (const request of routes('10.3.0.0')) expect(socket.execute([request])).toEqual([undefined]);
    expect(socket.getLink('lo')).toBeDefined();
    expect((await first).every((error) => error === undefined)).toBe(true);
    const failed = (await second).filter((error) => error !== undefined);
    expect(failed).toMatchObject([{ code: 'EEXIST', requestIndex: 3000 }]);
    expect(socket.listRoutes({ family: 4 })).toHaveLength(9000);
  });

  test('closes while an asynchronous call is under way', async () => {
    using netns = scratchNetns();
    const socket = RouteSocket.open({ netns: netns.name, native });
    socket.apply([createVeth({ name: 'v0', peer: { name: 'v1' } })]);
    const done = socket.executeAsync([deleteLink({ name: 'v0' })]);
    await Promise.resolve();
    socket.close();
    expect(await done).toEqual([undefined]);
    expect(() => socket.listLinks()).toThrow('the socket is closed');
  });

  test('programs neighbours, proxy neighbours and VXLAN forwarding entries', () => {
    using netns = scratchNetns();
    using socket = RouteSocket.open({ netns: netns.name, native });
    const local = parseIp('192.0.2.1');
    socket.apply([
      ...vethUp,
      createVxlan({ name: 'vxlan.calico', vni: 4096, local, mac: parseMac('66:00:00:00:00:01'), mtu: 1410 }),
    ]);
    const vxlan = socket.getLink('vxlan.calico')!;
    expect(vxlan).toMatchObject({
      kind: 'vxlan',
      mtu: 1410,
      vxlan: { vni: 4096, port: 4789, local, deviceIndex: undefined, isLearning: false },
    });
    const interfaceIndex = socket.getLink('v0')!.index;
    const mac = parseMac('66:00:00:00:00:02');
    const neighbour = { interfaceIndex, ip: parseIp('10.65.0.2'), mac };
    const proxy = { interfaceIndex, ip: parseIp('fd00::1'), isProxy: true };
    const entry = { interfaceIndex: vxlan.index, mac, destination: parseIp('192.0.2.2') };
    socket.apply([
      setLink({ name: 'vxlan.calico', up: true }),
      replaceNeighbour(neighbour),
      replaceNeighbour(neighbour),
      replaceNeighbour(proxy),
      replaceFdbEntry(entry),
    ]);
    socket.apply([replaceFdbEntry({ ...entry, destination: parseIp('192.0.2.3') })]);
    expect(socket.listNeighbours({ interfaceIndex, family: 4 })).toEqual([
      { ...neighbour, family: 4, state: 'permanent', isProxy: false },
    ]);
    expect(socket.listNeighbours({ isProxy: true })).toMatchObject([{ ip: 'fd00::1', interfaceIndex, isProxy: true }]);
    expect(socket.listFdb({ interfaceIndex: vxlan.index })).toEqual([
      { interfaceIndex: vxlan.index, mac, destination: '192.0.2.3', state: 'permanent' },
    ]);
    socket.apply([
      deleteNeighbour(neighbour),
      deleteNeighbour(proxy),
      deleteFdbEntry({ ...entry, destination: parseIp('192.0.2.3') }),
    ]);
    expect(socket.listNeighbours({ interfaceIndex, family: 4 })).toEqual([]);
    expect(socket.listFdb({ interfaceIndex: vxlan.index })).toEqual([]);
  });
});

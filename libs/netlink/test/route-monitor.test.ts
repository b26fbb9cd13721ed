import { describe, expect, test } from 'vitest';
import { addToIp, hostCidr, parseCidr, parseIp, type Cidr } from '@calico-node/net';
import {
  addAddress,
  addRoute,
  createBridge,
  createVeth,
  deleteLink,
  deleteRoute,
  replaceNeighbour,
  replaceRoute,
  RouteMonitor,
  RouteSocket,
  setLink,
  writeSysctl,
  type RouteEvent,
} from '../src/index.ts';
import { messageFlag } from '../src/message.ts';
import { backends, scratchNetns, until } from './scratch.ts';

describe.each(backends)('RouteMonitor on %s', (_, native) => {
  test('tells of links, addresses, routes and neighbours, and whose change it was', async () => {
    using netns = scratchNetns();
    using socket = RouteSocket.open({ netns: netns.name, native });
    const events: RouteEvent[] = [];
    using _monitor = RouteMonitor.open({
      netns: netns.name,
      native,
      groups: ['link', 'address', 'ipv4-route', 'ipv6-route', 'neighbour'],
      onEvent: (event) => events.push(event),
      onOverrun: () => expect.unreachable(),
    });
    socket.apply([
      createVeth({ name: 'v0', peer: { name: 'v1' } }),
      setLink({ name: 'v0', up: true }),
      setLink({ name: 'v1', up: true }),
    ]);
    const interfaceIndex = socket.getLink('v0')!.index;
    const destination = parseCidr('10.65.0.2/32');
    socket.apply([
      addAddress({ interfaceIndex, ip: parseIp('10.0.0.1'), prefixLength: 24 }),
      addRoute({ destination, interfaceIndex, protocol: 80 }),
      addRoute({ destination: parseCidr('fd00:65::/64'), interfaceIndex }),
      replaceNeighbour({ interfaceIndex, ip: parseIp('10.65.0.2'), isProxy: true }),
      deleteRoute({ destination }),
      deleteLink({ name: 'v0' }),
    ]);
    await until(() =>
      events.some((event) => event.object === 'link' && event.action === 'delete' && event.link.name === 'v0'),
    );
    expect(events).toContainEqual(
      expect.objectContaining({
        object: 'link',
        action: 'set',
        link: expect.objectContaining({ name: 'v0', running: true }) as unknown,
      }),
    );
    expect(events).toContainEqual(
      expect.objectContaining({
        object: 'address',
        action: 'set',
        address: expect.objectContaining({ ip: '10.0.0.1' }) as unknown,
      }),
    );
    const routes = events.filter((event) => event.object === 'route' && event.route.destination === destination);
    expect(routes).toMatchObject([
      { action: 'set', route: { protocol: 80, interfaceIndex }, originPortId: socket.portId },
      { action: 'delete', originPortId: socket.portId },
    ]);
    expect(events).toContainEqual(
      expect.objectContaining({
        object: 'route',
        action: 'delete',
        route: expect.objectContaining({ destination: 'fd00:65::/64' }) as unknown,
      }),
    );
  });

  test('hears nothing of what the port asked for that it is to ignore, and of others all', async () => {
    using netns = scratchNetns();
    using ours = RouteSocket.open({ netns: netns.name, native });
    using other = RouteSocket.open({ netns: netns.name, native });
    const heard: string[] = [];
    using _monitor = RouteMonitor.open({
      netns: netns.name,
      native,
      groups: ['ipv4-route'],
      ignoredPortId: ours.portId,
      onEvent: (event) => {
        if (event.object === 'route') heard.push(`${event.action} ${event.route.destination}`);
      },
      onOverrun: () => expect.unreachable(),
    });
    const route = (destination: string) => addRoute({ destination: parseCidr(destination), type: 'blackhole' });
    ours.apply([route('10.1.0.0/16'), route('10.2.0.0/16'), deleteRoute({ destination: parseCidr('10.1.0.0/16') })]);
    other.apply([route('10.3.0.0/16'), deleteRoute({ destination: parseCidr('10.2.0.0/16') })]);
    await until(() => heard.length >= 2);
    expect(heard).toEqual(['set 10.3.0.0/16', 'delete 10.2.0.0/16']);
  });

  test('tells of settings, the host’s own too, and of routes that go behind others', async () => {
    using netns = scratchNetns();
    using socket = RouteSocket.open({ netns: netns.name, native });
    socket.apply([createVeth({ name: 'v0', peer: { name: 'v1' } }), setLink({ name: 'v0', up: true })]);
    const { index } = socket.getLink('v0')!;
    const events: RouteEvent[] = [];
    using _monitor = RouteMonitor.open({
      netns: netns.name,
      native,
      groups: ['settings', 'ipv4-route'],
      onEvent: (event) => events.push(event),
      onOverrun: () => expect.unreachable(),
    });
    writeSysctl('net/ipv4/conf/v0/proxy_arp', 1, { netns: netns.name, native });
    writeSysctl('net/ipv4/conf/v0/rp_filter', 2, { netns: netns.name, native });
    writeSysctl('net/ipv6/conf/v0/proxy_ndp', 1, { netns: netns.name, native });
    writeSysctl('net/ipv4/ip_forward', 1, { netns: netns.name, native });
    const route = { destination: parseCidr('10.1.0.0/16'), interfaceIndex: index };
    const behind = { ...addRoute({ ...route, protocol: 99 }), flags: messageFlag.create | messageFlag.append };
    socket.apply([addRoute(route), replaceRoute({ ...route, protocol: 80 }), behind]);
    await until(() => events.filter(({ object }) => object === 'route').length >= 3);
    const settings = events.flatMap((event) => (event.object === 'settings' ? [event.settings] : []));
    expect(settings).toEqual(
      expect.arrayContaining([
        { family: 4, interfaceIndex: index, proxyNeighbours: 1 },
        { family: 4, interfaceIndex: index, rpFilter: 2 },
        { family: 6, interfaceIndex: index, proxyNeighbours: 1 },
        { family: 4, interfaceIndex: 'all', forwarding: 1 },
        { family: 4, interfaceIndex: index, forwarding: 1 },
      ]),
    );
    const appended = events.flatMap((event) => (event.object === 'route' ? [event.isAppended] : []));
    expect(appended).toEqual([false, false, true]);
  });

  test('does not take a port that leaves its bridge for a deleted link', async () => {
    using netns = scratchNetns();
    using socket = RouteSocket.open({ netns: netns.name, native });
    socket.apply([createVeth({ name: 'v0', peer: { name: 'v1' } }), createBridge({ name: 'br0' })]);
    const events: RouteEvent[] = [];
    using _monitor = RouteMonitor.open({
      netns: netns.name,
      native,
      groups: ['link'],
      onEvent: (event) => events.push(event),
      onOverrun: () => expect.unreachable(),
    });
    const { index } = socket.getLink('v0')!;
    socket.apply([
      setLink({ index, master: socket.getLink('br0')!.index }),
      setLink({ index, master: 0 }),
      deleteLink({ name: 'br0' }),
    ]);
    await until(() =>
      events.some((event) => event.object === 'link' && event.action === 'delete' && event.link.name === 'br0'),
    );
    expect(
      events.filter((event) => event.action === 'delete' && event.object === 'link' && event.link.index === index),
    ).toEqual([]);
  });

  test('tells of an overrun, goes on, and a reader that lists again ends up with the truth', async () => {
    using netns = scratchNetns();
    using socket = RouteSocket.open({ netns: netns.name, native });
    socket.apply([
      createVeth({ name: 'v0', peer: { name: 'v1' } }),
      setLink({ name: 'v0', up: true }),
      setLink({ name: 'v1', up: true }),
    ]);
    const interfaceIndex = socket.getLink('v0')!.index;
    const known = new Set<Cidr>();
    let overruns = 0;
    const resync = () => {
      overruns++;
      known.clear();
      for (const route of socket.listRoutes({ family: 4 })) known.add(route.destination);
    };
    using _monitor = RouteMonitor.open({
      netns: netns.name,
      native,
      groups: ['ipv4-route'],
      receiveBufferBytes: 64 * 1024,
      onEvent: (event) => {
        if (event.object !== 'route') return;
        if (event.action === 'set') known.add(event.route.destination);
        else known.delete(event.route.destination);
      },
      onOverrun: resync,
    });
    const specs = Array.from({ length: 5000 }, (_, index) => ({
      destination: hostCidr(addToIp(parseIp('10.65.0.0'), index)),
      interfaceIndex,
    }));
    for (let round = 1; round <= 3; round++) {
      // The event loop does not turn meanwhile: the events overflow the small buffer.
      socket.apply(specs.map(addRoute));
      socket.apply(specs.slice(0, 4000).map(deleteRoute));
      await until(() => overruns === round && known.size === 1000);
      socket.apply(specs.slice(4000, 4500).map(deleteRoute));
      await until(() => known.size === 500 || overruns > round);
      socket.apply(specs.slice(4500).map(deleteRoute));
      await until(() => known.size === 0);
      overruns = round;
    }
  });

  test('says nothing more once it is closed, even from inside its own callback', async () => {
    using netns = scratchNetns();
    using socket = RouteSocket.open({ netns: netns.name, native });
    let count = 0;
    const monitor = RouteMonitor.open({
      netns: netns.name,
      native,
      groups: ['link'],
      onEvent: () => {
        count++;
        monitor.close();
      },
      onOverrun: () => expect.unreachable(),
    });
    socket.apply([
      setLink({ name: 'lo', mtu: 1400 }),
      setLink({ name: 'lo', mtu: 1401 }),
      setLink({ name: 'lo', mtu: 1402 }),
    ]);
    await until(() => count > 0);
    socket.apply([setLink({ name: 'lo', mtu: 1403 })]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(count).toBe(1);
  });
});

import { parseIp } from '@calico-node/net';
import { addAddress, deleteAddress, RouteSocket } from '@calico-node/netlink';
import { expect, test, vi } from 'vitest';
import { HostInterfaces } from '../src/dataplane/interfaces/host-interfaces.ts';
import { NodeLab, runIn } from './support/node-lab.ts';

test('the host’s own interfaces are told of with their addresses, and each change once', async () => {
  using lab = new NodeLab();
  let touched = Promise.withResolvers<undefined>();
  using interfaces = new HostInterfaces({
    netns: lab.netns,
    prefixes: ['cali'],
    excluded: [/^kube/],
    onDirty: () => {
      touched.resolve(undefined);
    },
  });
  const addressesOf = (wanted: string) =>
    interfaces
      .takeChanges()
      .flatMap((change) =>
        change.name === wanted && change.type === 'host-interface-update'
          ? [change.addresses.filter((ip) => !ip.startsWith('fe80'))]
          : [],
      );
  expect(addressesOf('eth0')).toEqual([['172.16.0.1']]);
  expect(interfaces.takeChanges()).toEqual([]);

  runIn(lab.netns, 'ip', 'address', 'add', '172.16.0.9/24', 'dev', 'eth0');
  await touched.promise;
  expect(addressesOf('eth0')).toEqual([['172.16.0.1', '172.16.0.9']]);

  expect([interfaces.isUp('eth0'), interfaces.isUp('none')]).toEqual([true, undefined]);
  runIn(lab.netns, 'ip', 'link', 'set', 'fabric', 'down');
  await expect.poll(() => interfaces.isUp('eth0')).toBe(false);
  interfaces.takeChanges();

  touched = Promise.withResolvers();
  runIn(lab.netns, 'ip', 'link', 'delete', 'eth0');
  await touched.promise;
  const isGone = () =>
    interfaces.takeChanges().some(({ type, name }) => type === 'host-interface-remove' && name === 'eth0');
  await expect.poll(isGone).toBe(true);

  runIn(lab.netns, 'ip', 'link', 'add', 'kube-ipvs0', 'type', 'bridge');
  runIn(lab.netns, 'ip', 'link', 'add', 'cali9', 'type', 'veth', 'peer', 'name', 'other');
  const names = () => interfaces.takeChanges().map(({ name }) => name);
  await expect.poll(names).toEqual(['other']);
  // What was told before is not told again by a look at everything.
  interfaces.resync();
  expect(names()).toEqual([]);
  expect([interfaces.isUp('lo'), interfaces.isUp('other')]).toEqual([true, false]);
});

test('an address that is taken away and given again is not told of; one that stays away is', async () => {
  using lab = new NodeLab();
  using routes = RouteSocket.open({ netns: lab.netns });
  using interfaces = new HostInterfaces({ netns: lab.netns, prefixes: ['cali'], onDirty: () => undefined });
  const told: string[] = [];
  const look = (): readonly string[] => {
    for (const change of interfaces.takeChanges()) {
      if (change.type !== 'host-interface-update' || change.name !== 'eth0') continue;
      const addresses = change.addresses.filter((ip) => !ip.startsWith('fe80')).join();
      if (told.at(-1) !== addresses) told.push(addresses);
    }
    return told;
  };
  const interfaceIndex = routes.getLink('eth0')?.index ?? 0;
  const own = { interfaceIndex, ip: parseIp('172.16.0.1'), prefixLength: 24 };
  const other = { interfaceIndex, ip: parseIp('172.16.0.9'), prefixLength: 32 };
  expect(look()).toEqual(['172.16.0.1']);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    routes.apply([deleteAddress(own), addAddress(other)]);
    await expect.poll(look).toEqual(['172.16.0.1', '172.16.0.1,172.16.0.9']);
    routes.apply([addAddress(own)]);
    await expect.poll(() => vi.getTimerCount()).toBe(0);
    routes.apply([deleteAddress(other)]);
    await expect.poll(() => vi.getTimerCount()).toBe(1);
    expect(look()).toHaveLength(2);
    vi.advanceTimersByTime(1000);
    expect(look()).toEqual(['172.16.0.1', '172.16.0.1,172.16.0.9', '172.16.0.1']);
  } finally {
    vi.useRealTimers();
  }
});

/** XDP on a host endpoint's interface, with real frames: what it drops never gets to the packet filter. */
import { parseCidr, parseIp, type Cidr } from '@calico-node/net';
import { RouteMonitor, RouteSocket, setLink, setXdp, type XdpProgram } from '@calico-node/netlink';
import { assemble, BpfMap, BpfProgram, exit, loadMap, move, xdpAction } from '@calico-node/netlink/bpf';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { HostEndpointId } from '../src/calc/endpoint-id.ts';
import type { Intent, LocalHostEndpoint } from '../src/calc/intents.ts';
import type { IpSetId } from '../src/calc/ip-set.ts';
import type { ParsedRule } from '../src/calc/parsed-rule.ts';
import { policyIdOf } from '../src/calc/policy-id.ts';
import { XdpFilter } from '../src/dataplane/xdp/xdp-filter.ts';
import { XdpShortcut, type XdpShortcutOptions } from '../src/dataplane/xdp/xdp-shortcut.ts';
import type { Packet } from '../src/rules/interpret.ts';
import { netSet, netSetDelta, rule, setId } from './support/intents.ts';
import { NodeLab, runIn } from './support/node-lab.ts';
import { encodeFrame, FrameSender } from './support/raw-packet.ts';

const id = policyIdOf({ kind: 'GlobalNetworkPolicy', name: 'deny' });

function untracked(...ingress: readonly ParsedRule[]): Intent {
  const policy = { kind: 'GlobalNetworkPolicy', name: 'deny' } as const;
  const applies = { tier: 'default', stage: 'untracked', isForHosts: true } as const;
  return { type: 'policy-update', id, policy, ...applies, ingress, egress: [] };
}

const denyOf = (...sets: string[]) => sets.map((name) => rule('deny', { source: { sets: [setId(name)] } }));

function hostEndpoint(more: Partial<LocalHostEndpoint> = {}): Intent {
  const tier = { name: 'default', defaultAction: 'Deny', ingress: [{ selector: 'all()', policies: [id] }] } as const;
  const none = { tiers: [], forwardTiers: [], preDnatTiers: [], profiles: [], expectedIps: [] };
  const untrackedTiers = [{ ...tier, egress: [] }];
  const endpoint = { name: 'h', revision: 1n, interfaceName: 'eth0', ...none, untrackedTiers, ...more };
  return { type: 'host-endpoint-update', id: 'h' as HostEndpointId, endpoint };
}

const tcp = { inbound: [{ protocol: 6, port: 22 }], outbound: [{ protocol: 6, port: 2379 }] };
const denied = parseIp('198.51.100.9');
const allowed = parseIp('203.0.113.9');

const udp = (source: string, more: Partial<Packet> = {}): Packet => ({
  family: 4,
  source: parseIp(source),
  destination: parseIp('172.16.0.1'),
  protocol: 17,
  sourcePort: 4000,
  destinationPort: 5000,
  conntrackState: 'new',
  ...more,
});

let lab: NodeLab;
let route: RouteSocket;
let outside: FrameSender;
let mac: Uint8Array;
let held: Disposable[];
let members: Map<IpSetId, readonly Cidr[]>;

beforeEach(() => {
  lab = new NodeLab();
  // Where the packet filter would begin: whatever gets there has passed XDP.
  lab.nft(`table ip probe {
    set seen { typeof ip id; flags dynamic; size 1000; }
    chain raw { type filter hook prerouting priority raw; iifname eth0 add @seen { ip id }; }
  }`);
  route = RouteSocket.open({ netns: lab.netns });
  outside = new FrameSender(lab.netns, route.getLink('fabric')!.index);
  mac = Uint8Array.from(route.getLink('eth0')!.mac!.split(':'), (text) => parseInt(text, 16));
  held = [];
  members = new Map([[setId('bad'), [parseCidr('198.51.100.0/24')]]]);
});

afterEach(() => {
  for (const each of held) each[Symbol.dispose]();
  outside[Symbol.dispose]();
  route.close();
  lab[Symbol.dispose]();
});

function open(more: Partial<XdpShortcutOptions> = {}) {
  const told: { fields: object; message: string }[] = [];
  const tell = (fields: object, message: string): void => {
    told.push({ fields, message });
  };
  const xdp = new XdpShortcut({
    netns: lab.netns,
    isEnabled: true,
    allowsGeneric: true,
    failsafes: tcp,
    membersOf: (set) => members.get(set) ?? [],
    onDirty: () => undefined,
    log: { info: tell, warn: tell },
    ...more,
  });
  held.push(xdp);
  return { xdp, told };
}

/** Told of everything at once, as after a start. */
async function start(more: Partial<XdpShortcutOptions> = {}, ...rules: readonly ParsedRule[]) {
  const opened = open(more);
  const ingress = rules.length === 0 ? denyOf('bad') : rules;
  opened.xdp.update([untracked(...ingress), hostEndpoint(), { type: 'in-sync' }]);
  await opened.xdp.apply();
  return opened;
}

let lastId = 0;

/** Whether a packet gets to the packet filter. */
function passes(packet: Packet): boolean {
  lastId++;
  outside.send(encodeFrame(packet, mac, lastId));
  const seen = lab.nft('-n', 'list', 'set', 'ip', 'probe', 'seen').join(' ');
  return new RegExp(`[^0-9]${lastId}[^0-9]`).test(seen);
}

const programs = (name = 'eth0'): readonly XdpProgram[] =>
  route.listXdp().find((each) => each.name === name)?.programs ?? [];

/** Somebody else's, which lets everything pass. */
function foreign(name: string, map?: BpfMap): BpfProgram {
  const look = map === undefined ? [] : [loadMap(1, map.fd)];
  const instructions = assemble([...look, move(0, xdpAction.pass), exit]);
  const program = BpfProgram.load({ type: 'xdp', name, instructions, license: 'Apache-2.0' });
  held.push(program);
  return program;
}

const eth0 = () => route.getLink('eth0')!.index;

test('drops what comes from a denied source, and lets pass what does not', async () => {
  const { xdp } = await start();
  expect(programs()).toMatchObject([{ mode: 'driver' }]);
  expect(passes(udp(denied))).toBe(false);
  expect(passes(udp(allowed))).toBe(true);
  expect(passes(udp(denied, { protocol: 6, destinationPort: 80 }))).toBe(false);
  expect(passes(udp(denied, { protocol: 6, destinationPort: 22 }))).toBe(true);
  expect(passes(udp(denied, { protocol: 6, sourcePort: 2379 }))).toBe(true);
  expect(xdp.drops()).toEqual([{ interfaceName: 'eth0', packets: 2 }]);
});

test('where the driver knows no XDP, only if it is allowed there too', async () => {
  // A frame that does not fit one page is too much for veth's driver, as long as its other end may send it.
  route.apply([setLink({ name: 'fabric', mtu: 9000 }), setLink({ name: 'eth0', mtu: 9000 })]);
  const { told } = await start({ allowsGeneric: false });
  expect(programs()).toEqual([]);
  expect(told).toMatchObject([
    { fields: { interface: 'eth0', reason: expect.stringContaining('XDP does not go') as unknown } },
  ]);
  await start();
  expect(programs()).toMatchObject([{ mode: 'generic' }]);
  expect([passes(udp(denied)), passes(udp(allowed))]).toEqual([false, true]);
  await start({ allowsGeneric: false });
  expect(programs()).toEqual([]);
});

test('changes of sets and of rules take effect at once', async () => {
  const { xdp } = await start();
  const apply = async (...intents: Intent[]) => {
    xdp.update(intents);
    await xdp.apply();
    return [passes(udp(denied)), passes(udp(allowed))];
  };
  const program = programs();
  expect(await apply(netSetDelta('bad', ['203.0.113.9/32'], ['198.51.100.0/24']))).toEqual([true, false]);
  expect(await apply(netSetDelta('bad', ['198.51.100.8/29'], []))).toEqual([false, false]);
  members.set(setId('more'), [parseCidr('203.0.113.9/32'), parseCidr('2001:db8::/32')]);
  expect(await apply(untracked(...denyOf('bad', 'more')))).toEqual([false, false]);
  // It is in the other set still.
  expect(await apply(netSetDelta('bad', [], ['203.0.113.9/32']))).toEqual([false, false]);
  expect(await apply(untracked(...denyOf('more')))).toEqual([true, false]);
  expect(await apply(netSet('more', []))).toEqual([true, true]);
  expect(programs()).toEqual(program);
  expect(await apply(untracked(rule('allow'), ...denyOf('more')))).toEqual([true, true]);
  expect(programs()).toEqual([]);
});

test('an interface that comes later, or anew, gets its program', async () => {
  const { xdp } = await start();
  xdp.update([hostEndpoint({ interfaceName: 'eth1' })]);
  await xdp.apply();
  expect(programs()).toEqual([]);
  const dirty = Promise.withResolvers<undefined>();
  using _watch = RouteMonitor.open({
    netns: lab.netns,
    groups: ['link'],
    onEvent: () => {
      dirty.resolve(undefined);
    },
    onOverrun: () => undefined,
  });
  runIn(lab.netns, 'ip', 'link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'fabric1');
  await dirty.promise;
  await vi.waitFor(async () => {
    await xdp.apply();
    expect(programs('eth1')).toHaveLength(1);
  });
  // Under another name it is another interface, of no endpoint.
  runIn(lab.netns, 'ip', 'link', 'set', 'eth1', 'name', 'eth2');
  await vi.waitFor(async () => {
    await xdp.apply();
    expect(programs('eth2')).toEqual([]);
  });
  runIn(lab.netns, 'ip', 'link', 'set', 'eth2', 'name', 'eth1');
  await vi.waitFor(async () => {
    await xdp.apply();
    expect(programs('eth1')).toHaveLength(1);
  });
  xdp.update([{ type: 'host-endpoint-remove', id: 'h' as HostEndpointId }]);
  await xdp.apply();
  expect(programs('eth1')).toEqual([]);
});

test('a restart takes over what is there, and what changed meanwhile, with the same program', async () => {
  const before = await start();
  const program = programs();
  before.xdp[Symbol.dispose]();
  expect(programs()).toEqual(program);
  expect(passes(udp(denied))).toBe(false);
  members.set(setId('bad'), [parseCidr('203.0.113.0/24')]);
  const failsafes = { inbound: [{ protocol: 17, port: 53 }], outbound: [] };
  const { xdp } = open({ failsafes });
  // Nothing is taken away before everything is known.
  await xdp.apply();
  expect(programs()).toEqual(program);
  xdp.update([untracked(...denyOf('bad')), hostEndpoint(), { type: 'in-sync' }]);
  await xdp.apply();
  expect(programs()).toEqual(program);
  expect([passes(udp(denied)), passes(udp(allowed))]).toEqual([true, false]);
  expect(passes(udp(allowed, { protocol: 6, destinationPort: 22 }))).toBe(false);
  expect(passes(udp(allowed, { destinationPort: 53 }))).toBe(true);
});

test.each([
  ['it is disabled', { isEnabled: false }, [hostEndpoint()]],
  ['no endpoint wants it any more', {}, []],
] as const)('takes away what an earlier run left when %s', async (_, options, intents) => {
  await start();
  expect(programs()).toHaveLength(1);
  const { xdp } = open(options);
  xdp.update([untracked(...denyOf('bad')), ...intents, { type: 'in-sync' }]);
  await xdp.apply();
  expect(programs()).toEqual([]);
});

test("leaves somebody else's program where it is", async () => {
  const other = foreign('cnt_other');
  route.apply([setXdp({ interfaceIndex: eth0(), mode: 'generic', fd: other.fd })]);
  const { told } = await start();
  expect(programs()).toEqual([{ mode: 'generic', id: other.info.id }]);
  expect(told).toMatchObject([{ fields: { reason: 'there is an XDP program of somebody else' } }]);
  await start({ isEnabled: false });
  expect(programs()).toEqual([{ mode: 'generic', id: other.info.id }]);
});

test("takes the place of Calico's own program, and of another version of ours", async () => {
  const spec = { type: 'lpm-trie', keyBytes: 8, valueBytes: 4, maxEntries: 10 } as const;
  const map = BpfMap.create({ ...spec, name: 'calico_prefilter_v4' });
  held.push(map);
  for (const old of [foreign('prefilter', map), foreign('calico_xdp_0')]) {
    const mode = 'driver';
    for (const { id: current } of programs()) {
      using replaced = BpfProgram.openById(current)!;
      route.apply([setXdp({ interfaceIndex: eth0(), mode, replacedFd: replaced.fd })]);
    }
    route.apply([setXdp({ interfaceIndex: eth0(), mode, fd: old.fd })]);
    await start();
    expect(programs()).toHaveLength(1);
    expect(programs()[0]!.id).not.toBe(old.info.id);
    expect(passes(udp(denied))).toBe(false);
  }
});

describe('puts right what somebody else did', () => {
  test('to the interface', async () => {
    const { xdp, told } = await start();
    using ours = BpfProgram.openById(programs()[0]!.id)!;
    route.apply([setXdp({ interfaceIndex: eth0(), mode: 'driver', replacedFd: ours.fd })]);
    // The kernel tells of it.
    await vi.waitFor(async () => {
      await xdp.apply();
      expect(programs()).toEqual([{ mode: 'driver', id: ours.info.id }]);
    });
    expect(xdp.repairs).toBe(1);
    expect(told).toMatchObject([{ fields: { interface: 'eth0' } }]);
    expect(passes(udp(denied))).toBe(false);
  });

  test('to the maps, when they are read again', async () => {
    const { xdp } = await start();
    const found = XdpFilter.identify(programs()[0]!.id);
    if (found?.kind !== 'ours') throw new Error('not ours');
    held.push(found.filter);
    found.filter.unblock(found.filter.sources());
    found.filter.setFailsafes(new Uint8Array());
    await xdp.apply();
    expect(passes(udp(denied))).toBe(true);
    xdp.resync();
    await xdp.apply();
    expect(passes(udp(denied))).toBe(false);
    expect(passes(udp(denied, { protocol: 6, destinationPort: 22 }))).toBe(true);
    expect(xdp.repairs).toBe(1);
    xdp.resync();
    await xdp.apply();
    expect(xdp.repairs).toBe(1);
  });
});

test('goes when the interface becomes a port, whose packets come in by its bridge', async () => {
  const { xdp, told } = await start();
  expect(programs()).toHaveLength(1);
  runIn(lab.netns, 'ip', 'link', 'add', 'br0', 'type', 'bridge');
  runIn(lab.netns, 'ip', 'link', 'set', 'eth0', 'master', 'br0');
  await vi.waitFor(async () => {
    await xdp.apply();
    expect(programs()).toEqual([]);
  });
  expect(told).toMatchObject([{ fields: { interface: 'eth0', reason: 'it is a port of another interface' } }]);
});

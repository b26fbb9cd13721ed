import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { parseIp } from '@calico-node/net';
import { createBridge, createIfb, deleteLink, inNetns, RouteSocket, setLink } from '@calico-node/netlink';
import { tcParent, TrafficControlSocket } from '@calico-node/netlink/tc';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BandwidthLimit, Intent, LocalWorkloadEndpoint } from '../src/calc/intents.ts';
import { BandwidthLimits } from '../src/dataplane/qos/bandwidth-limits.ts';
import { ifbNameOf } from '../src/dataplane/qos/ifb-name.ts';
import { endpoint, removeEndpoint } from './support/intents.ts';
import { NodeLab, runIn } from './support/node-lab.ts';
import { encodeFrame, FrameSender } from './support/raw-packet.ts';

let stack: DisposableStack;
let lab: NodeLab;
let route: RouteSocket;
let tc: TrafficControlSocket;
let limits: BandwidthLimits;
let dirty: number;
let repaired: string[];
const endpoints = new Map<string, LocalWorkloadEndpoint>();

beforeEach(() => {
  endpoints.clear();
  stack = new DisposableStack();
  lab = stack.use(new NodeLab());
  lab.addWorkload('1', '10.65.0.1');
  route = stack.use(RouteSocket.open({ netns: lab.netns }));
  tc = stack.use(TrafficControlSocket.open({ netns: lab.netns }));
  limits = open();
});

afterEach(() => {
  stack.dispose();
});

function open(): BandwidthLimits {
  [dirty, repaired] = [0, []];
  const options = {
    netns: lab.netns,
    prefixes: ['cali'],
    endpointOn: (name: string) => endpoints.get(name),
    onDirty: () => {
      dirty += 1;
    },
    onRepair: (name: string) => {
      repaired.push(name);
    },
  };
  return stack.use(new BandwidthLimits(options));
}

function take(...intents: readonly Intent[]): void {
  for (const intent of intents) {
    if (intent.type === 'workload-endpoint-update') endpoints.set(intent.endpoint.interfaceName, intent.endpoint);
    else if (intent.type === 'workload-endpoint-remove') endpoints.clear();
  }
  limits.update(intents);
}

/** Limits what is sent to workload 1, and what it sends. */
const limited = (ingress?: BandwidthLimit, egress?: BandwidthLimit): Intent =>
  endpoint('1', '10.65.0.1', [], {
    limits: {
      ingress: ingress === undefined ? {} : { bandwidth: ingress },
      egress: egress === undefined ? {} : { bandwidth: egress },
    },
  });
const indexOf = (name: string): number => route.getLink(name)?.index ?? -1;
const rootOn = (name: string) =>
  tc.listQdiscs().find(({ interfaceIndex, parent }) => interfaceIndex === indexOf(name) && parent === tcParent.root);
const rateOn = (name: string): number | undefined => rootOn(name)?.tokenBucket?.rate;
const redirects = (): (number | undefined)[] =>
  tc.listIngressFilters(indexOf('cali1')).map((filter) => filter.redirectsTo);
const ifb = ifbNameOf('cali1');

function applied(): void {
  expect(limits.apply()).toEqual([]);
}

test('limits each direction, follows changes, and takes limits away without a trace', async () => {
  take(limited({ rate: 8_000_000 }));
  applied();
  expect([rateOn('cali1'), indexOf(ifb)]).toEqual([1_000_000, -1]);
  take(limited({ rate: 16_000_000, burst: 80_000, peakRate: 32_000_000 }, { rate: 800_000 }));
  applied();
  expect([rateOn('cali1'), rateOn(ifb), redirects()]).toEqual([2_000_000, 100_000, [indexOf(ifb)]]);
  expect(rootOn('cali1')?.tokenBucket?.peak?.rate).toBe(4_000_000);
  take(limited(undefined, { rate: 1_600_000 }));
  applied();
  expect([rootOn('cali1')?.kind, rateOn(ifb)]).toEqual(['noqueue', 200_000]);
  const { writes } = limits;
  limits.resync();
  applied();
  expect(limits.writes).toBe(writes);
  take(removeEndpoint('1'));
  applied();
  expect(
    tc.listQdiscs().filter(({ interfaceIndex, kind }) => interfaceIndex === indexOf('cali1') && kind !== 'noqueue'),
  ).toEqual([]);
  await expect.poll(() => indexOf(ifb)).toBe(-1);
});

test('leaves alone what others shape, and takes over what stands in its way', async () => {
  runIn(lab.netns, 'tc', ...'qdisc add dev cali1 root tbf rate 1mbit burst 10kb latency 25ms'.split(' '));
  runIn(lab.netns, 'tc', ...'qdisc add dev cali1 ingress'.split(' '));
  route.apply([createIfb({ name: 'bwp1234' }), setLink({ name: 'bwp1234', up: true })]);
  const filter = 'filter add dev cali1 parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev';
  runIn(lab.netns, 'tc', ...filter.split(' '), 'bwp1234');
  take(limited());
  applied();
  expect([rateOn('cali1'), redirects()]).toEqual([125_000, [indexOf('bwp1234')]]);
  // Where nobody is limited nothing is followed either.
  take(limited());
  limits.resync();
  applied();
  expect([limits.writes, dirty]).toEqual([0, 0]);
  take(limited({ rate: 8_000_000 }, { rate: 8_000_000 }));
  applied();
  expect([rateOn('cali1'), redirects()]).toEqual([1_000_000, [indexOf(ifb)]]);
  await expect.poll(() => indexOf('bwp1234')).toBe(-1);
});

test('takes over what an earlier run left, and removes what nobody wants now', async () => {
  take(limited({ rate: 8_000_000 }, { rate: 8_000_000 }));
  applied();
  limits[Symbol.dispose]();
  limits = open();
  take(limited({ rate: 8_000_000 }, { rate: 8_000_000 }));
  applied();
  expect(limits.writes).toBe(0);
  limits[Symbol.dispose]();
  route.apply([createIfb({ name: 'bwcali00000' })]);
  limits = open();
  take(limited());
  applied();
  expect(rootOn('cali1')?.kind).toBe('noqueue');
  await expect.poll(() => [indexOf(ifb), indexOf('bwcali00000')]).toEqual([-1, -1]);
});

test.each([
  ['the bucket of the interface', () => runIn(lab.netns, 'tc', 'qdisc', 'del', 'dev', 'cali1', 'root')],
  ['the bucket of the device', () => runIn(lab.netns, 'tc', 'qdisc', 'replace', 'dev', ifb, 'root', 'pfifo')],
  ['the filter', () => runIn(lab.netns, 'tc', 'filter', 'del', 'dev', 'cali1', 'parent', 'ffff:')],
  ['the place for filters', () => runIn(lab.netns, 'tc', 'qdisc', 'del', 'dev', 'cali1', 'ingress')],
  ['the device', () => runIn(lab.netns, 'ip', 'link', 'del', ifb)],
  ['that the device is up', () => runIn(lab.netns, 'ip', 'link', 'set', ifb, 'down')],
])('sees that somebody took away %s, and repairs it', async (_, damage) => {
  take(limited({ rate: 8_000_000 }, { rate: 800_000 }));
  applied();
  await new Promise(setImmediate);
  dirty = 0;
  damage();
  await expect.poll(() => dirty).toBeGreaterThan(0);
  applied();
  expect([rateOn('cali1'), rateOn(ifb), redirects()]).toEqual([1_000_000, 100_000, [indexOf(ifb)]]);
  expect([route.getLink(ifb)?.up, limits.repairs, repaired]).toEqual([true, 1, ['cali1']]);
});

test('limits an interface that comes after its endpoint, and one that comes again', async () => {
  take(endpoint('2', '10.65.0.2', [], { limits: { ingress: { bandwidth: { rate: 8000 } }, egress: {} } }));
  applied();
  for (let round = 0; round < 2; round += 1) {
    dirty = 0;
    runIn(lab.netns, 'ip', 'link', 'add', 'cali2', 'type', 'veth', 'peer', 'name', 'p2');
    await expect.poll(() => dirty).toBeGreaterThan(0);
    applied();
    expect(rateOn('cali2')).toBe(1000);
    route.apply([deleteLink({ name: 'cali2' })]);
  }
});

test('says which workload is not limited and why, and limits the others', () => {
  lab.addWorkload('2', '10.65.0.2');
  // Somebody else's device has the name.
  route.apply([createBridge({ name: ifb })]);
  take(
    limited({ rate: 8_000_000 }, { rate: 8_000_000 }),
    endpoint('2', '10.65.0.2', [], { limits: { ingress: {}, egress: { bandwidth: { rate: 8_000_000 } } } }),
  );
  const problems = limits.apply();
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain('cali1');
  expect([rateOn('cali1'), rateOn(ifbNameOf('cali2'))]).toEqual([1_000_000, 1_000_000]);
});

const FRAMES = 400;

/** Sends frames of 42 bytes at once, to the workload or from it; gives a count of those that got through the node. */
function send(direction: 'ingress' | 'egress'): () => number {
  const inside = `${lab.netns}-1`;
  const [sendingNetns, sendingName, receiving] =
    direction === 'ingress' ? [lab.netns, 'fabric', inside] : [inside, 'eth0', lab.netns];
  const table =
    'counter passed { }; chain seen { type filter hook prerouting priority -400; udp dport 53 counter name passed; };';
  const where = direction === 'ingress' ? 'eth0' : 'cali1';
  runIn(
    receiving,
    'nft',
    `add table ip probe; delete table ip probe; table ip probe { ${table.replace('udp', `iifname ${where} udp`)} }`,
  );
  using sendingRoute = RouteSocket.open({ netns: sendingNetns });
  using sender = new FrameSender(sendingNetns, sendingRoute.getLink(sendingName)!.index);
  const [workload, gateway] = [parseIp('10.65.0.1'), parseIp('172.16.0.254')];
  const packet = {
    family: 4,
    source: direction === 'ingress' ? gateway : workload,
    destination: direction === 'ingress' ? workload : gateway,
    protocol: 17,
    sourcePort: 1000,
    destinationPort: 53,
    conntrackState: 'new',
  } as const;
  const { mac } = route.getLink(direction === 'ingress' ? 'eth0' : 'cali1')!;
  const destinationMac = Uint8Array.from(mac!.split(':'), (text) => parseInt(text, 16));
  for (let id = 0; id < FRAMES; id += 1) sender.send(encodeFrame(packet, destinationMac, id));
  return () => Number(/packets (\d+)/.exec(runIn(receiving, 'nft', 'list', 'counter', 'ip', 'probe', 'passed'))?.[1]);
}

test.each(['ingress', 'egress'] as const)('lets through what it may and drops the rest, %s', async (direction) => {
  const unlimited = send(direction);
  await expect.poll(unlimited).toBe(FRAMES);
  const limit = { rate: 8000, burst: 8000 };
  take(direction === 'ingress' ? limited(limit) : limited(undefined, limit));
  applied();
  const passed = send(direction);
  const statistics = () => rootOn(direction === 'ingress' ? 'cali1' : ifb)!.statistics;
  await expect.poll(() => statistics().drops).toBeGreaterThan(FRAMES / 4);
  await expect.poll(passed).toBeGreaterThan(10);
  expect(statistics().overlimits).toBeGreaterThan(0);
  expect(passed()).toBeLessThanOrEqual(FRAMES - statistics().drops);
});

test('lets whole connections through, however small the burst', async () => {
  const { netns } = lab.addWorkload('2', '10.65.0.2');
  const limit = { rate: 8_000_000, burst: 1000 };
  take(limited(limit, { ...limit, peakRate: 16_000_000 }));
  applied();
  const received = Promise.withResolvers<number>();
  let bytes = 0;
  const server = createServer((socket) => {
    socket.on('data', (chunk) => (bytes += chunk.length));
    socket.on('end', () => {
      received.resolve(bytes);
    });
    socket.on('error', received.reject);
    socket.end();
  });
  stack.defer(() => server.close());
  // Without a host, listen makes its socket before it returns.
  inNetns(`${lab.netns}-1`, () => server.listen(0));
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');
  const script = `head -c 200000 /dev/zero > /dev/tcp/10.65.0.1/${address.port}`;
  const command = [`--net=/run/netns/${netns}`, 'timeout', '20', 'bash', '-c', script];
  await promisify(execFile)('nsenter', command);
  expect(await received.promise).toBe(200_000);
  expect(rootOn('cali1')!.statistics.overlimits).toBeGreaterThan(0);
  expect(rootOn(ifb)!.statistics.packets).toBeGreaterThan(0);
});

import { execFileSync } from 'node:child_process';
import { beforeEach, afterEach, expect, test } from 'vitest';
import { createIfb, createVeth, deleteLink, RouteSocket, setLink } from '../src/index.ts';
import {
  addIngressQdisc,
  addRedirect,
  deleteIngressFilters,
  deleteIngressQdisc,
  deleteRootQdisc,
  isSameTokenBucket,
  replaceTokenBucket,
  tcParent,
  TrafficControlMonitor,
  TrafficControlSocket,
  type TokenBucket,
} from '../src/tc/index.ts';
import { scratchNetns, until } from './scratch.ts';

const HANDLE = 0xca11_0000;

let stack: DisposableStack;
let netns: ReturnType<typeof scratchNetns>;
let route: RouteSocket;
let socket: TrafficControlSocket;
let veth: number;
let ifb: number;

beforeEach(() => {
  stack = new DisposableStack();
  netns = stack.use(scratchNetns());
  route = stack.use(RouteSocket.open({ netns: netns.name }));
  socket = stack.use(TrafficControlSocket.open({ netns: netns.name }));
  route.apply([
    createVeth({ name: 'cali1', peer: { name: 'peer' } }),
    createIfb({ name: 'bwcali1', mtu: 1400 }),
    setLink({ name: 'cali1', up: true }),
    setLink({ name: 'bwcali1', up: true }),
  ]);
  [veth, ifb] = ['cali1', 'bwcali1'].map((name) => route.getLink(name)!.index) as [number, number];
});

afterEach(() => {
  stack.dispose();
});

const tc = (...args: string[]): string =>
  execFileSync('nsenter', [`--net=/run/netns/${netns.name}`, 'tc', ...args], { encoding: 'utf8' });
const rootOf = (index: number) =>
  socket.listQdiscs().find((qdisc) => qdisc.interfaceIndex === index && qdisc.parent === tcParent.root);
const apply = (...requests: Parameters<typeof socket.execute>[0]): (string | undefined)[] =>
  socket.execute(requests).map((error) => error?.code);

test.each<[string, TokenBucket]>([
  ['a slow one', { rate: 125, burst: 1514, limit: 3000 }],
  ['a usual one', { rate: 125_000, burst: 10_000, limit: 20_000 }],
  ['one with a peak rate', { rate: 125_000, burst: 10_000, limit: 20_000, peak: { rate: 250_000, burst: 2000 } }],
  ['a very fast one', { rate: 125e12, burst: 2 ** 29, limit: 2 ** 32 - 1, peak: { rate: 126e12, burst: 9000 } }],
])('keeps a token bucket as it was given, %s', (_, bucket) => {
  expect(apply(replaceTokenBucket(veth, HANDLE, bucket))).toEqual([undefined]);
  const found = rootOf(veth)!;
  expect([found.kind, found.handle]).toEqual(['tbf', HANDLE]);
  expect(found.tokenBucket).toSatisfy((kept: TokenBucket) => isSameTokenBucket(kept, bucket));
  for (const other of [
    { ...bucket, rate: bucket.rate + 1 },
    { ...bucket, burst: bucket.burst * 2 },
    { ...bucket, limit: bucket.limit - 1 },
    { ...bucket, peak: { rate: bucket.rate * 2, burst: 9999 } },
  ]) {
    expect(other).not.toSatisfy((kept: TokenBucket) => isSameTokenBucket(kept, bucket));
  }
});

test('changes a token bucket as it stands, and says what the tc program says', () => {
  apply(replaceTokenBucket(veth, HANDLE, { rate: 125_000, burst: 10_240, limit: 20_000 }));
  expect(tc('qdisc', 'show', 'dev', 'cali1')).toMatch(/tbf ca11: root refcnt \d rate 1Mbit burst 10Kb/);
  apply(replaceTokenBucket(veth, HANDLE, { rate: 250_000, burst: 10_240, limit: 20_000 }));
  expect(rootOf(veth)?.tokenBucket?.rate).toBe(250_000);
  expect(apply(deleteRootQdisc(veth, HANDLE + 0x10000))).toEqual(['EINVAL']);
  expect(apply(deleteRootQdisc(veth, HANDLE))).toEqual([undefined]);
  expect(rootOf(veth)?.kind).toBe('noqueue');
});

test('redirects what an interface receives, whatever place for filters there is', () => {
  expect(apply(addIngressQdisc(veth), addRedirect(veth, 1, ifb))).toEqual([undefined, undefined]);
  expect(tc('filter', 'show', 'dev', 'cali1', 'ingress')).toContain('Egress Redirect to device bwcali1');
  expect([socket.listIngressFilters(ifb), socket.listIngressFilters(9999)]).toEqual([[], []]);
  const [filter, ...others] = socket.listIngressFilters(veth);
  expect(others).toEqual([]);
  expect(filter).toMatchObject({ interfaceIndex: veth, priority: 1, kind: 'u32', redirectsTo: ifb });
  expect(apply(deleteIngressFilters(veth, 1), deleteIngressQdisc(veth))).toEqual([undefined, undefined]);
  tc('qdisc', 'add', 'dev', 'cali1', 'clsact');
  expect(apply(addIngressQdisc(veth), addRedirect(veth, 7, ifb))).toEqual(['EEXIST', undefined]);
  expect(socket.listIngressFilters(veth)).toMatchObject([{ priority: 7, redirectsTo: ifb }]);
});

test('counts what a bucket lets through and drops', () => {
  apply(replaceTokenBucket(ifb, HANDLE, { rate: 125, burst: 1514, limit: 1514 }));
  apply(addIngressQdisc(veth), addRedirect(veth, 1, ifb));
  const run = (command: string): string =>
    execFileSync('nsenter', [`--net=/run/netns/${netns.name}`, 'bash', '-ec', command], { encoding: 'utf8' });
  run('ip address add 10.9.9.1/24 dev peer; ip link set peer up');
  run(`ip neighbour add 10.9.9.2 lladdr ${route.getLink('cali1')!.mac} dev peer`);
  run('for i in {1..100}; do echo x > /dev/udp/10.9.9.2/9; done');
  const { packets, drops, overlimits, bytes } = rootOf(ifb)!.statistics;
  expect(packets).toBeGreaterThan(10);
  expect(drops).toBeGreaterThan(10);
  expect(overlimits).toBeGreaterThan(10);
  expect(bytes).toBeGreaterThan(43n * 10n);
});

test('tells of others’ changes and of its own', async () => {
  const changes: [number, boolean][] = [];
  using _monitor = TrafficControlMonitor.open({
    netns: netns.name,
    onChange: ({ interfaceIndex, originPortId }) => changes.push([interfaceIndex, originPortId === socket.portId]),
    onOverrun: () => undefined,
  });
  apply(replaceTokenBucket(veth, HANDLE, { rate: 125_000, burst: 10_000, limit: 20_000 }));
  await until(() => changes.some(([index, isOwn]) => index === veth && isOwn));
  tc('qdisc', 'del', 'dev', 'cali1', 'root');
  await until(() => changes.some(([index, isOwn]) => index === veth && !isOwn));
  expect((await route.executeAsync([deleteLink({ name: 'bwcali1' })]))[0]).toBeUndefined();
});

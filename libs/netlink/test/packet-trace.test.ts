import { execFileSync } from 'node:child_process';
import { parseIp } from '@calico-node/net';
import { expect, test } from 'vitest';
import { addTrafficHooks, FrameSender, PacketSender, redirectToIngress } from '../src/inject/index.ts';
import { createVeth, RouteSocket, setLink, writeSysctl } from '../src/index.ts';
import { NflogSocket } from '../src/nflog/index.ts';
import { NftablesSocket, NftablesTrace, Transaction, type TraceStep } from '../src/nftables/index.ts';
import { scratchNetns, until } from './scratch.ts';

const table = { family: 'ip', name: 'probe' } as const;
const one = Uint8Array.of(1);

/** A UDP packet from 10.0.0.1 to 10.0.0.9, as far as the packet filter looks. */
const packet = Uint8Array.from([
  ...[0x45, 0, 0, 28, 0x12, 0x34, 0x40, 0, 64, 17, 0x14, 0x94, 10, 0, 0, 1, 10, 0, 0, 9],
  ...[0x30, 0x39, 0, 53, 0, 8, 0, 0],
]);

function marking(hook: 'prerouting' | 'output'): Transaction {
  return new Transaction(table)
    .addTable({ owned: true })
    .addChain('mark', { type: 'filter', hook, priority: -450, policy: 'accept' })
    .addRule('mark', {
      expressions: [
        { type: 'immediate', register: 1, value: one },
        { type: 'meta-set', key: 'nftrace', register: 1 },
      ],
    })
    .addRule('mark', { expressions: [{ type: 'verdict', verdict: { kind: 'drop' } }] });
}

test('a frame that is turned round comes in by the other interface, and its trace tells the rules that it met', async () => {
  using netns = scratchNetns();
  const where = { netns: netns.name };
  using route = RouteSocket.open(where);
  route.apply([
    createVeth({ name: 'in0', peer: { name: 'in0peer' } }),
    createVeth({ name: 'out0', peer: { name: 'out0peer' } }),
    ...['in0', 'in0peer', 'out0'].map((name) => setLink({ name, up: true })),
  ]);
  const [into, helper] = [route.getLink('in0')!, route.getLink('out0')!];
  route.apply([addTrafficHooks(helper.index), redirectToIngress(helper.index, into.index)]);
  const steps: TraceStep[] = [];
  using _trace = NftablesTrace.open({ ...where, onStep: (step) => steps.push(step), onOverrun: () => undefined });
  using filter = NftablesSocket.open(where);
  filter.commit(marking('prerouting'));
  using sender = new FrameSender(helper.index, where);
  const mac = into.mac!.split(':').map((byte) => parseInt(byte, 16));
  sender.send(Uint8Array.from([...mac, 2, 0, 0, 0, 0, 1, 8, 0, ...packet]));
  await until(() => steps.length >= 2);
  expect(steps).toMatchObject([
    { family: 'ip', table: 'probe', chain: 'mark', kind: 'rule', verdict: { kind: 'continue' } },
    { family: 'ip', table: 'probe', chain: 'mark', kind: 'rule', verdict: { kind: 'drop' } },
  ]);
  const handles = filter.listRules(table).map(({ handle }) => handle);
  expect(steps.map(({ ruleHandle }) => ruleHandle)).toEqual(handles);
  expect(new Set(steps.map(({ id }) => id)).size).toBe(1);
});

test('an owned table goes with the socket that made it, and a refused packet is told of as such', async () => {
  using netns = scratchNetns();
  const where = { netns: netns.name };
  using route = RouteSocket.open(where);
  route.apply([setLink({ name: 'lo', up: true })]);
  using packets = new PacketSender(where);
  const own = execFileSync('ip', ['-n', netns.name, 'address', 'add', '10.0.0.9/32', 'dev', 'lo']);
  expect(String(own)).toBe('');
  using reader = NftablesSocket.open(where);
  {
    using owner = NftablesSocket.open(where);
    owner.commit(marking('output'));
    expect(packets.send(parseIp('10.0.0.9'), packet)).toBe(false);
    expect(reader.getTable(table)).toBeDefined();
  }
  await until(() => reader.getTable(table) === undefined);
  expect(packets.send(parseIp('10.0.0.9'), packet)).toBe(true);
});

test('what the older packet filter traces comes to the log group, whose one reader we are', async () => {
  using netns = scratchNetns();
  const where = { netns: netns.name };
  using route = RouteSocket.open(where);
  route.apply([setLink({ name: 'lo', up: true })]);
  execFileSync('ip', ['-n', netns.name, 'address', 'add', '10.0.0.9/32', 'dev', 'lo']);
  const inside = [`--net=/run/netns/${netns.name}`, 'iptables-legacy'];
  execFileSync('nsenter', [...inside, '-t', 'raw', '-A', 'OUTPUT', '-j', 'TRACE']);
  execFileSync('nsenter', [...inside, '-A', 'OUTPUT', '-p', 'udp', '-j', 'DROP']);
  writeSysctl('net/netfilter/nf_log/2', 'nfnetlink_log', where);
  const prefixes: string[] = [];
  const settings = { ...where, group: 0, bytes: 64, onOverrun: () => undefined };
  using _log = NflogSocket.open({
    ...settings,
    onPacket: ({ prefix, headers }) => {
      if (headers[5] === 0x34) prefixes.push(prefix);
    },
  });
  expect(() => NflogSocket.open({ ...settings, onPacket: () => undefined })).toThrow('EPERM');
  using packets = new PacketSender(where);
  expect(packets.send(parseIp('10.0.0.9'), packet)).toBe(false);
  await until(() => prefixes.some((prefix) => prefix.startsWith('TRACE: filter')));
  expect(prefixes.at(-1)).toBe('TRACE: filter:OUTPUT:rule:1 ');
});

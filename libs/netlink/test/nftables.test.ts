import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createNetns, deleteNetns } from '../src/index.ts';
import {
  concatKey,
  conntrackStateBit,
  interfaceNameKey,
  intervalElements,
  NftablesError,
  NftablesMonitor,
  NftablesSocket,
  readIntervals,
  Transaction,
  type Expression,
  type NftablesEvent,
  type TableId,
} from '../src/nftables/index.ts';

const ip: TableId = { family: 'ip', name: 'calico' };
const ip6: TableId = { family: 'ip6', name: 'calico' };

let netns = '';
let socket: NftablesSocket;

beforeEach(() => {
  netns = `cnt-${randomBytes(4).toString('hex')}`;
  createNetns(netns);
  socket = NftablesSocket.open({ netns });
});

afterEach(() => {
  socket.close();
  deleteNetns(netns);
});

/** What the real nft says; one line per line of its listing, without indentation. */
function nft(...args: string[]): string[] {
  const text = execFileSync('nsenter', [`--net=/run/netns/${netns}`, 'nft', ...args], { encoding: 'utf8' });
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const be16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);
const address = (text: string): Uint8Array => Uint8Array.from(text.split('.').map(Number));

const load = {
  source: { type: 'payload', base: 'network', offset: 12, length: 4, register: 1 },
  protocol: { type: 'meta', key: 'l4proto', register: 1 },
  destinationPort: { type: 'payload', base: 'transport', offset: 2, length: 2, register: 1 },
} as const satisfies Record<string, Expression>;
const equals = (value: Uint8Array): Expression => ({ type: 'cmp', register: 1, op: 'eq', value });
const accept: Expression = { type: 'verdict', verdict: { kind: 'accept' } };

describe('nf_tables transactions', () => {
  it('make rules that nft lists as if it had made them itself', () => {
    const rules: readonly (readonly Expression[])[] = [
      [{ type: 'meta', key: 'iifname', register: 1 }, equals(new TextEncoder().encode('cali')), accept],
      [{ type: 'meta', key: 'oifname', register: 1 }, equals(interfaceNameKey('eth0')), { type: 'counter' }],
      [load.source, equals(address('10.0.0.1')), { type: 'verdict', verdict: { kind: 'goto', chain: 'other' } }],
      [
        load.source,
        { type: 'bitwise', register: 1, mask: address('255.255.240.0'), xor: address('0.0.0.0') },
        equals(address('10.0.16.0')),
        { type: 'verdict', verdict: { kind: 'drop' } },
      ],
      [
        load.protocol,
        equals(Uint8Array.of(6)),
        load.destinationPort,
        {
          type: 'lookup',
          register: 1,
          inverted: false,
          set: { type: ['inet_service'], interval: false, elements: [{ key: be16(80) }, { key: be16(443) }] },
        },
        { type: 'verdict', verdict: { kind: 'return' } },
      ],
      [
        load.protocol,
        equals(Uint8Array.of(17)),
        load.destinationPort,
        {
          type: 'lookup',
          register: 1,
          inverted: true,
          set: {
            type: ['inet_service'],
            interval: true,
            elements: [
              ...intervalElements({ first: be16(53), last: be16(53) }),
              ...intervalElements({ first: be16(1000), last: be16(2000) }),
            ],
          },
        },
        { type: 'reject', with: 'port-unreachable' },
      ],
      [
        load.protocol,
        equals(Uint8Array.of(6)),
        load.destinationPort,
        { type: 'range', register: 1, negated: false, from: be16(8000), to: be16(9000) },
      ],
      [
        { type: 'ct', key: 'state', register: 1 },
        {
          type: 'bitwise',
          register: 1,
          mask: u32(conntrackStateBit.established | conntrackStateBit.related),
          xor: u32(0),
        },
        { type: 'cmp', register: 1, op: 'ne', value: u32(0) },
        accept,
      ],
      [
        { type: 'meta', key: 'mark', register: 1 },
        { type: 'bitwise', register: 1, mask: u32(0x10000), xor: u32(0) },
        equals(u32(0x10000)),
        { type: 'log', prefix: 'calico-packet: ', level: 5 },
      ],
      [
        { type: 'meta', key: 'mark', register: 1 },
        { type: 'bitwise', register: 1, mask: u32(0xfffeffff), xor: u32(0x10000) },
        { type: 'meta-set', key: 'mark', register: 1 },
      ],
      [
        { type: 'fib', result: 'oif', flags: ['saddr', 'mark', 'iif'], register: 1 },
        equals(u32(0)),
        { type: 'limit', rate: 10n, perSeconds: 1n, burst: 5, over: false },
      ],
      [{ type: 'fib', result: 'addrtype', flags: ['daddr'], register: 1 }, equals(u32(2)), { type: 'notrack' }],
    ];
    const transaction = new Transaction(ip).addTable().addChain('other');
    transaction.addChain('pre', { type: 'filter', hook: 'prerouting', priority: -300, policy: 'accept' });
    for (const expressions of rules) transaction.addRule('pre', { expressions });
    transaction.addRule('other', { expressions: [accept], comment: 'cali:abc; the rule' });
    socket.commit(transaction);

    expect(nft('list', 'chain', 'ip', 'calico', 'pre')).toEqual([
      'table ip calico {',
      'chain pre {',
      'type filter hook prerouting priority raw; policy accept;',
      'iifname "cali*" accept',
      'oifname "eth0" counter packets 0 bytes 0',
      'ip saddr 10.0.0.1 goto other',
      'ip saddr 10.0.16.0/20 drop',
      'tcp dport { 80, 443 } return',
      'udp dport != { 53, 1000-2000 } reject',
      'tcp dport 8000-9000',
      'ct state established,related accept',
      'meta mark & 0x00010000 == 0x00010000 log prefix "calico-packet: " level notice',
      'meta mark set meta mark | 0x00010000',
      'fib saddr . mark . iif oif 0 limit rate 10/second',
      'fib daddr type local notrack',
      '}',
      '}',
    ]);
    expect(nft('list', 'chain', 'ip', 'calico', 'other')).toContain('accept comment "cali:abc; the rule"');
    expect(socket.listRules(ip).filter(({ chain }) => chain === 'other')).toMatchObject([
      { comment: 'cali:abc; the rule' },
    ]);
    expect(socket.listChains(ip)).toMatchObject([
      { name: 'other' },
      { name: 'pre', base: { type: 'filter', hook: 'prerouting', priority: -300, policy: 'accept' } },
    ]);
  });

  it('make source and destination translation that nft lists', () => {
    const transaction = new Transaction(ip).addTable();
    transaction.addChain('post', { type: 'nat', hook: 'postrouting', priority: 110, policy: 'accept' });
    transaction.addChain('pre', { type: 'nat', hook: 'prerouting', priority: -90, policy: 'accept' });
    transaction.addRule('post', { expressions: [{ type: 'masquerade', fullyRandom: true }] });
    transaction.addRule('post', {
      expressions: [
        { type: 'immediate', register: 1, value: address('10.0.0.9') },
        { type: 'nat', kind: 'snat', family: 'ip', address: 1 },
      ],
    });
    transaction.addRule('pre', {
      expressions: [
        load.protocol,
        equals(Uint8Array.of(6)),
        { type: 'immediate', register: 1, value: address('10.0.0.9') },
        { type: 'immediate', register: 2, value: be16(8080) },
        { type: 'nat', kind: 'dnat', family: 'ip', address: 1, port: { min: 2, max: 2 } },
      ],
    });
    socket.commit(transaction);
    const listing = nft('list', 'table', 'ip', 'calico');
    expect(listing).toContain('masquerade fully-random');
    expect(listing).toContain('snat to 10.0.0.9');
    expect(listing).toContain('meta l4proto tcp dnat to 10.0.0.9:8080');
  });

  it('make sets, interval sets, concatenations and verdict maps that nft lists and a dump reads back', () => {
    const hosts = ['10.0.0.1', '10.0.0.2'].map((text) => ({ key: address(text) }));
    const nets = [
      { first: address('10.0.0.0'), last: address('10.0.0.127') },
      { first: address('10.0.0.128'), last: address('10.0.0.255') },
      { first: address('192.0.0.0'), last: address('255.255.255.255') },
    ];
    const portKey = concatKey(
      ['ipv4_addr', 'inet_proto', 'inet_service'],
      [address('10.0.0.1'), Uint8Array.of(6), be16(80)],
    );
    const transaction = new Transaction(ip)
      .addTable()
      .addChain('fw-1')
      .addSet({ name: 'hosts', type: ['ipv4_addr'] })
      .addSet({ name: 'nets', type: ['ipv4_addr'], interval: true })
      .addSet({ name: 'ports', type: ['ipv4_addr', 'inet_proto', 'inet_service'] })
      .addSet({ name: 'dispatch', type: ['ifname'], isVerdictMap: true })
      .addElements('hosts', hosts)
      .addElements('nets', nets.flatMap(intervalElements))
      .addElements('ports', [{ key: portKey }])
      .addElements('dispatch', [{ key: interfaceNameKey('cali1'), verdict: { kind: 'goto', chain: 'fw-1' } }]);
    socket.commit(transaction);

    const listing = nft('list', 'table', 'ip', 'calico').join('\n');
    expect(listing).toContain('elements = { 10.0.0.1, 10.0.0.2 }');
    expect(listing).toMatch(/elements = \{ 10\.0\.0\.0\/25, 10\.0\.0\.128\/25,\s+192\.0\.0\.0\/2 \}/);
    expect(listing).toContain('type ipv4_addr . inet_proto . inet_service');
    expect(listing).toContain('elements = { 10.0.0.1 . tcp . 80 }');
    expect(listing).toContain('elements = { "cali1" : goto fw-1 }');

    expect(socket.listSets(ip).map(({ name, isInterval, isMap }) => ({ name, isInterval, isMap }))).toEqual([
      { name: 'hosts', isInterval: false, isMap: false },
      { name: 'nets', isInterval: true, isMap: false },
      { name: 'ports', isInterval: false, isMap: false },
      { name: 'dispatch', isInterval: false, isMap: true },
    ]);
    expect(readIntervals(socket.listElements(ip, 'nets'))).toEqual(nets);
    expect(socket.listElements(ip, 'ports')).toEqual([{ key: portKey }]);
    expect(socket.listElements(ip, 'dispatch')).toEqual([
      { key: interfaceNameKey('cali1'), verdict: { kind: 'goto', chain: 'fw-1' } },
    ]);

    socket.commit(new Transaction(ip).deleteElements('nets', nets.slice(0, 1).flatMap(intervalElements)));
    expect(readIntervals(socket.listElements(ip, 'nets'))).toEqual(nets.slice(1));
  });

  it('carry more elements than one message holds', () => {
    const elements = Array.from({ length: 5000 }, (_, index) => ({
      key: Uint8Array.of(10, 0, index >> 8, index & 0xff),
    }));
    const set = { name: 'many', type: ['ipv4_addr'] } as const;
    socket.commit(new Transaction(ip).addTable().addSet(set).addElements('many', elements));
    expect(socket.listElements(ip, 'many')).toHaveLength(5000);
  });

  it('span families and change nothing at all when one change is refused', () => {
    const good = new Transaction(ip6).addTable();
    const bad = new Transaction(ip)
      .addTable()
      .addChain('here')
      .addRule('here', { expressions: [{ type: 'verdict', verdict: { kind: 'jump', chain: 'nowhere' } }] });
    let refusal: unknown;
    try {
      socket.commit(good, bad);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(NftablesError);
    expect(refusal).toMatchObject({ code: 'ENOENT', refused: [{ index: 3 }] });
    expect(socket.getTable(ip6)).toBeUndefined();
    expect(socket.getTable(ip)).toBeUndefined();
    socket.commit(good);
    expect(socket.getTable(ip6)).toEqual({ isDormant: false });
  });

  it('commit off the main thread too', async () => {
    await socket.commitAsync(new Transaction(ip).addTable().addChain('a'));
    expect(socket.listChains(ip).map(({ name }) => name)).toEqual(['a']);
    await expect(socket.commitAsync(new Transaction(ip).deleteChain('b'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('lists nothing of a table that does not exist', () => {
    expect(socket.listChains(ip)).toEqual([]);
    expect(socket.listRules(ip)).toEqual([]);
    expect(socket.listSets(ip)).toEqual([]);
    expect(socket.listElements(ip, 'x')).toEqual([]);
  });
});

describe('NftablesMonitor', () => {
  it("tells a foreign change from the socket's own", async () => {
    const events: NftablesEvent[] = [];
    const monitor = NftablesMonitor.open({ netns, onEvent: (event) => events.push(event), onOverrun: () => undefined });
    try {
      socket.commit(new Transaction(ip).addTable().addChain('a'));
      nft('add', 'rule', 'ip', 'calico', 'a', 'accept');
      for (let turn = 0; events.length < 3 && turn < 400; turn++) await delay(5);
    } finally {
      monitor.close();
    }
    expect(events).toMatchObject([
      { family: 'ip', table: 'calico', object: 'table', change: 'added', portId: socket.portId },
      { object: 'chain', change: 'added', portId: socket.portId },
      { object: 'rule', change: 'added' },
    ]);
    expect(events[2]?.portId).not.toBe(socket.portId);
  });
});

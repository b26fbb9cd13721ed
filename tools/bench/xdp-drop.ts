/**
 * What it costs the kernel to drop a packet of a denied source, by XDP and by the rules of the raw table:
 *
 *   node tools/bench/xdp-drop.ts [--frames 20000] [--rounds 15] [--json FILE]
 *
 * Each way has a namespace with a veth of its own. A frame put on one end is received within the same system call, so the
 * time of that call, less the call's time where the other end is down, is what receiving and dropping took. The ways take
 * turns. Beside it the kernel's own measure of the program alone (BPF_PROG_TEST_RUN). Needs root.
 */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { cidrOf, ipFromBigInt, parseIp, type Cidr } from '@calico-node/net';
import { createNetns, createVeth, deleteNetns, RouteSocket, setLink, setXdp, type XdpMode } from '@calico-node/netlink';
import { FrameSender } from '@calico-node/netlink/inject';
import type { HostEndpointId } from '../../apps/felix/src/calc/endpoint-id.ts';
import type { Intent } from '../../apps/felix/src/calc/intents.ts';
import type { IpSetId } from '../../apps/felix/src/calc/ip-set.ts';
import { anyEntity } from '../../apps/felix/src/calc/parsed-rule.ts';
import { policyIdOf } from '../../apps/felix/src/calc/policy-id.ts';
import { sourceKeysOf } from '../../apps/felix/src/dataplane/xdp/filter-keys.ts';
import { XdpFilter } from '../../apps/felix/src/dataplane/xdp/xdp-filter.ts';
import { encodeProbe } from '../../apps/felix/src/explain/probe-packet.ts';
import { DrivenNamespace, type FilterName } from './felix/driven-namespace.ts';
import { start } from './felix/policy-workload.ts';

const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '15' },
    json: { type: 'string' },
  },
});
const frames = Number(values.frames);
const rounds = Number(values.rounds);
const sizes = [1000, 100_000];

const set = 's:denied' as IpSetId;
const id = policyIdOf({ kind: 'GlobalNetworkPolicy', name: 'deny' });
const denied = parseIp('198.18.0.0');

/** Every other address from 198.18.0.0 on. */
function networks(count: number): Cidr[] {
  return Array.from({ length: count }, (_, index) => cidrOf(ipFromBigInt(0xc612_0000n + BigInt(2 * index), 4), 32));
}

function deny(members: readonly Cidr[]): readonly Intent[] {
  const policy = { kind: 'GlobalNetworkPolicy', name: 'deny' } as const;
  const rule = { action: 'deny', source: { ...anyEntity, sets: [set] }, destination: anyEntity } as const;
  const applies = { tier: 'default', stage: 'untracked', isForHosts: true, ingress: [rule], egress: [] } as const;
  const groups = [{ selector: 'all()', policies: [id] }];
  const tier = { name: 'default', defaultAction: 'Deny', ingress: groups, egress: [] } as const;
  const none = { tiers: [], forwardTiers: [], preDnatTiers: [], profiles: [], expectedIps: [] };
  const endpoint = { name: 'h', revision: 1n, interfaceName: 'eth0', ...none, untrackedTiers: [tier] };
  return [
    ...start,
    { type: 'ip-set-update', id: set, kind: 'net', members },
    { type: 'policy-update', id, policy, ...applies },
    { type: 'host-endpoint-update', id: 'h' as HostEndpointId, endpoint },
  ];
}

/** A veth whose one end sends, and whose other end does with it what is to be measured. */
class Way implements Disposable {
  readonly name: string;
  readonly size: number;
  readonly #opened = new DisposableStack();
  readonly #sender: FrameSender;
  readonly #frame: Uint8Array;
  readonly nanoseconds: number[] = [];

  constructor(name: string, size: number, { isUp = true, mode }: { isUp?: boolean; mode?: XdpMode } = {}) {
    this.name = name;
    this.size = size;
    const netns = `cnt-${randomBytes(5).toString('hex')}`;
    createNetns(netns);
    this.netns = netns;
    this.#opened.defer(() => {
      deleteNetns(netns);
    });
    const route = this.#opened.use(RouteSocket.open({ netns }));
    route.apply([
      createVeth({ name: 'eth0', peer: { name: 'fabric' } }),
      setLink({ name: 'fabric', up: true }),
      setLink({ name: 'eth0', up: isUp }),
    ]);
    const eth0 = route.getLink('eth0');
    const fabric = route.getLink('fabric');
    if (eth0?.mac === undefined || fabric === undefined) throw new Error('there is no veth');
    if (mode !== undefined) {
      this.filter = this.#opened.use(XdpFilter.create());
      this.filter.block(sourceKeysOf(networks(size)));
      route.apply([setXdp({ interfaceIndex: eth0.index, mode, fd: this.filter.programFd })]);
    }
    this.#sender = new FrameSender(fabric.index, { netns });
    this.#opened.defer(() => {
      this.#sender[Symbol.dispose]();
    });
    const mac = eth0.mac.split(':').map((octet) => parseInt(octet, 16));
    const ends = { family: 4, source: denied, destination: parseIp('172.16.0.1') } as const;
    const packet = encodeProbe(
      { ...ends, protocol: 17, sourcePort: 4000, destinationPort: 5000 },
      { id: 1, cookie: 1 },
    );
    this.#frame = Uint8Array.from([...mac, 2, 0, 0, 0, 0, 1, 8, 0, ...packet]);
  }

  readonly netns: string;
  readonly filter: XdpFilter | undefined;

  async drive(filter: FilterName): Promise<this> {
    const driven = this.#opened.use(new DrivenNamespace(filter, this.netns));
    await driven.apply(...deny(networks(this.size)));
    return this;
  }

  /** The program alone, in nanoseconds: dropping, and letting pass. */
  alone(): { readonly drop: number; readonly pass: number } | undefined {
    if (this.filter === undefined) return undefined;
    const other = Uint8Array.from(this.#frame);
    other.set([203, 0, 113, 1], 14 + 12);
    const run = (frame: Uint8Array): number => this.filter?.run(frame, 1_000_000).nanoseconds ?? 0;
    return { drop: run(this.#frame), pass: run(other) };
  }

  measure(): void {
    const begin = process.hrtime.bigint();
    for (let index = 0; index < frames; index++) this.#sender.send(this.#frame);
    this.nanoseconds.push(Number(process.hrtime.bigint() - begin) / frames);
  }

  [Symbol.dispose](): void {
    this.#opened.dispose();
  }
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

using ways = new DisposableStack();
const nothing = ways.use(new Way('the other end is down', 0, { isUp: false }));
const all: Way[] = [];
for (const size of sizes) {
  for (const mode of ['driver', 'generic'] as const) all.push(ways.use(new Way(`XDP, ${mode}`, size, { mode })));
  for (const filter of ['nftables', 'iptables-legacy'] as const) {
    all.push(await ways.use(new Way(`raw table, ${filter}`, size)).drive(filter));
  }
}
for (let round = 0; round < rounds; round++) for (const way of [nothing, ...all]) way.measure();
for (const { name, filter } of all) {
  if (filter !== undefined && filter.drops !== rounds * frames) throw new Error(`${name} dropped ${filter.drops}`);
}
const rows = all.map((way) => {
  const more = way.nanoseconds.map((each, round) => each - (nothing.nanoseconds[round] ?? Number.NaN));
  const { drop = '', pass = '' } = way.alone() ?? {};
  const medianNs = Math.round(median(more));
  const minNs = Math.round(Math.min(...way.nanoseconds) - Math.min(...nothing.nanoseconds));
  return { way: way.name, networks: way.size, medianNs, minNs, aloneDropNs: drop, alonePassNs: pass };
});
console.table(rows);
console.log(`a call where the other end is down: ${Math.round(median(nothing.nanoseconds))} ns`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ frames, rounds, rows }, null, 2)}\n`);

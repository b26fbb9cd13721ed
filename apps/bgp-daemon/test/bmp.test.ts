import { createServer, type Server, type Socket } from 'node:net';
import { decodeUpdate, headerLength, nlriToArray, readFrame } from '@calico-node/bgp';
import { ipFromBytes, parseIp } from '@calico-node/net';
import { openTcpSocket } from '@calico-node/netlink';
import { bgpV1 } from '@calico-node/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bird, Daemon, Rig, until, type Host } from './rig.ts';

let rig: Rig;
let ours: Host;
let theirs: Host;
let daemon: Daemon;
let station: TestStation;

const port = 11019;

/** A monitoring station on a host that takes nothing but what RFC 7854 draws, and tells what it was told in words. */
class TestStation {
  readonly told: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(host: Host) {
    const bind = { ip: parseIp(host.address), port };
    const fd = openTcpSocket({ family: 4, netns: host.name, bind, listenBacklog: 4 });
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      let rest: Buffer = Buffer.alloc(0);
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        rest = Buffer.concat([rest, chunk]);
        while (rest.length >= 6 && rest.length >= rest.readUInt32BE(1)) {
          const length = rest.readUInt32BE(1);
          this.told.push(read(rest.subarray(0, length)));
          rest = rest.subarray(length);
        }
      });
    }).listen({ fd });
  }

  /** Lets go of who is connected. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.told.length = 0;
  }

  close(): void {
    this.drop();
    this.#server.close();
  }
}

/** Peer type and flags, as one number. */
const views = new Map([
  [0x0000, ''],
  [0x0040, 'after policy '],
  [0x0050, 'sent '],
  [0x0300, 'used '],
]);

function read(message: Buffer): string {
  if (message[0] !== 3) throw new Error('not BMP 3');
  const body = message.subarray(6);
  if (message[5] === 4) return `initiation ${tlvs(body).join(', ')}`;
  if (message[5] === 5)
    return `termination ${tlvs(body)
      .map((text) => Buffer.from(text).readUInt16BE())
      .join()}`;
  const address = String(ipFromBytes(body.subarray(22, 26)));
  const peer = `${address} AS${body.readUInt32BE(26)} id ${ipFromBytes(body.subarray(30, 34))}`;
  const view = views.get(body.readUInt16BE(0));
  if (view === undefined || body.readUInt32BE(34) === 0) throw new Error('unexpected per-peer header');
  const rest = body.subarray(42);
  if (message[5] === 0) return `${peer}: ${view}${update(rest, view !== 'used ')}`;
  if (message[5] === 1) return `${peer}: ${view}${statistics(rest).join(' ')}`;
  if (message[5] === 2) return `${peer}: down, reason ${rest[0]}`;
  if (message[5] !== 3) throw new Error(`unexpected type ${message[5]}`);
  const local = ipFromBytes(rest.subarray(12, 16));
  const ports = [rest.readUInt16BE(16), rest.readUInt16BE(18)];
  const opens = rest.subarray(20);
  const first = readFrame(opens, 0, opens.length, false);
  if (first.kind !== 'message' || first.type !== 1) throw new Error('no OPEN was sent');
  const second = readFrame(opens, first.end, opens.length, false);
  if (second.kind !== 'message' || second.type !== 1) throw new Error('no OPEN received');
  const tables = tlvs(opens.subarray(second.end)).map((name) => `, table ${name}`);
  return `${peer}: up at ${local}, port 179 ${ports.includes(179) ? 'used' : 'unused'}${tables.join('')}`;
}

/** What counts routes: the type, the family where there is one, and how many. */
function statistics(bytes: Buffer): string[] {
  const found: string[] = [];
  let at = 4;
  for (let left = bytes.readUInt32BE(0); left > 0; left--) {
    const [kind, length] = [bytes.readUInt16BE(at), bytes.readUInt16BE(at + 2)];
    const value = bytes.subarray(at + 4, at + 4 + length);
    if (length === 8) found.push(`${kind}=${value.readBigUInt64BE()}`);
    if (length === 11) found.push(`${kind}/${value.readUInt16BE()}=${value.readBigUInt64BE(3)}`);
    at += 4 + length;
  }
  if (at !== bytes.length) throw new Error('statistics of another length');
  return found;
}

function tlvs(bytes: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at < bytes.length; at += 4 + bytes.readUInt16BE(at + 2))
    found.push(bytes.toString('latin1', at + 4, at + 4 + bytes.readUInt16BE(at + 2)));
  return found;
}

function update(message: Uint8Array, external: boolean): string {
  const frame = readFrame(message, 0, message.length, true);
  if (frame.kind !== 'message' || frame.type !== 2 || frame.end !== message.length) throw new Error('no UPDATE');
  const context = { as4: true, external, families: [4, 6], addPath: [], extendedNextHop: false } as const;
  const decoded = decodeUpdate(message, headerLength, message.length, context);
  if (decoded.kind !== 'update' || decoded.problems.length > 0) throw new Error('a malformed UPDATE');
  if (decoded.endOfRib !== undefined) return 'end of RIB';
  return [
    ...decoded.announced.map(({ block }) =>
      nlriToArray(block)
        .map(({ prefix }) => `+${prefix}`)
        .join(' '),
    ),
    ...decoded.withdrawn.map((block) =>
      nlriToArray(block)
        .map(({ prefix }) => `-${prefix}`)
        .join(' '),
    ),
  ].join(' ');
}

beforeEach(() => {
  rig = new Rig();
  ours = rig.addHost();
  theirs = rig.addHost();
  daemon = new Daemon(ours);
  station = new TestStation(theirs);
});

afterEach(async () => {
  station.close();
  daemon.close();
  await rig.close();
});

describe('BMP', () => {
  it('tells a station of sessions and routes, and the whole again when it has been away', async () => {
    const bird = new Bird(
      theirs,
      `router id 192.0.2.1;
log stderr all;
protocol device { }
protocol static s1 { ipv4; route 198.51.100.0/24 blackhole; }
protocol static s2 { disabled; ipv4; route 203.0.113.0/24 blackhole; }
protocol bgp ours { local as 64513; neighbor ${ours.address} as 64512; connect retry time 1; connect delay time 1; ipv4 { import all; export all; }; }
`,
    );
    await daemon.apply(
      bgpV1.BgpConfig.fromPartial({
        nodeName: 'node-1',
        routerId: ours.address,
        localAs: 64512,
        // One side connects: a second connection that the peer sees late would end the first (RFC 4724 4.2).
        neighbors: [{ name: 'bird', address: theirs.address, remoteAs: 64513, passive: true }],
        bmpStations: [{ address: theirs.address, port }],
      }),
    );
    const hears = (text: string): Promise<string[]> =>
      until(
        text,
        () => station.told,
        (told) => told.some((line) => line.includes(text)),
      );
    const peer = `${theirs.address} AS64513 id 192.0.2.1`;
    await hears('+198.51.100.0/24');
    expect(station.told[0]).toMatch(/^initiation calico-node bgp-daemon \S+, node-1$/);
    expect(station.told).toContain(`${peer}: up at ${ours.address}, port 179 used`);
    bird.birdc('enable', 's2');
    await hears(`${peer}: +203.0.113.0/24`);
    bird.birdc('disable', 's2');
    await hears(`${peer}: -203.0.113.0/24`);

    station.drop();
    const again = await hears('end of RIB');
    expect(again.map((line) => line.replace(/^initiation.*/, 'initiation'))).toEqual([
      'initiation',
      `${peer}: up at ${ours.address}, port 179 used`,
      `${peer}: +198.51.100.0/24`,
      `${peer}: end of RIB`,
    ]);
    expect((await daemon.peers())[0]?.state).toBe(bgpV1.SessionState.ESTABLISHED);

    bird.birdc('disable', 'ours');
    await hears(`${peer}: down, reason 3`);
    station.told.length = 0;
    bird.birdc('enable', 'ours');
    await hears(`${peer}: end of RIB`);
    station.told.length = 0;
    await daemon.kill('SIGTERM');
    await hears('termination 0');
    expect(station.told).toEqual([`${peer}: down, reason 2`, 'termination 0']);
  });

  it('tells a station what neighbours are told, and what is used, from the whole on and change by change', async () => {
    const third = rig.addHost();
    const peers = [theirs, third].map(
      (host, index) =>
        new Bird(
          host,
          `router id ${host.address};
log stderr all;
protocol device {}
protocol static { ipv4; route 192.0.${index + 2}.0/24 blackhole; }
protocol bgp ours {
  local ${host.address} as 6451${index + 3};
  neighbor ${ours.address} as 64512;
  connect retry time 1; connect delay time 1;
  ipv4 { import all; export all; };
}
`,
        ),
    );
    const all = bgpV1.Filter.fromPartial({ name: 'all', rules: [{ family: 4, action: bgpV1.FilterAction.ACCEPT }] });
    const apply = (staticRoutes: readonly string[]): Promise<unknown> =>
      daemon.apply(
        bgpV1.BgpConfig.fromPartial({
          routerId: ours.address,
          localAs: 64512,
          neighbors: [theirs, third].map(({ address }, index) => ({
            name: address,
            address,
            remoteAs: 64513 + index,
            exportFilters: ['all'],
            passive: true,
          })),
          filters: [all],
          staticRoutes: staticRoutes.map((prefix) => ({ prefix })),
          bmpStations: [
            {
              address: theirs.address,
              port,
              view: bgpV1.BmpView.POST_POLICY,
              adjRibOut: true,
              locRib: true,
              statisticsSeconds: 1,
            },
          ],
        }),
      );
    await apply(['198.51.100.0/24']);
    await daemon.established(2);
    const toldOf = (which: string): string[] => station.told.filter((line) => line.includes(which));
    const sentTo = (host: Host): string[] => toldOf(': sent ').filter((line) => line.startsWith(`${host.address} `));
    const holds = (lines: readonly string[], ...parts: readonly string[]): boolean =>
      parts.every((part) => lines.some((line) => line.includes(part)));
    const isWhole = (): boolean =>
      holds(sentTo(theirs), '+198.51.100.0/24', '+192.0.3.0/24') &&
      holds(sentTo(third), '+198.51.100.0/24', '+192.0.2.0/24') &&
      holds(toldOf(': used '), '+198.51.100.0/24', '+192.0.2.0/24', '+192.0.3.0/24', 'end of RIB');
    await until('the whole', () => station.told, isWhole);
    expect(toldOf('table global')).toEqual([
      `0.0.0.0 AS64512 id ${ours.address}: up at 0.0.0.0, port 179 unused, table global`,
    ]);
    // Nobody is told what came from there.
    expect([holds(sentTo(theirs), '192.0.2.0/24'), holds(sentTo(third), '192.0.3.0/24')]).toEqual([false, false]);

    // RFC 9069 5.5: of the Loc-RIB its routes; RFC 7854 4.8 and RFC 8671 6.2: of a neighbour those in and out.
    const counts = (parts: string): boolean => holds(station.told, parts);
    await until(
      'statistics',
      () => station.told,
      () => counts('used 8=3 10/1=3 10/2=0') && counts(`${theirs.address} AS64513 id ${theirs.address}: 7=1 15=2`),
    );

    station.drop();
    await until('the whole again', () => station.told, isWhole);
    const firstOf = (part: string): number => station.told.findIndex((line) => line.includes(part));
    expect(firstOf(`${third.address} AS64514`)).toBeLessThan(firstOf(': sent '));
    expect(firstOf('table global')).toBeLessThan(firstOf(': used '));

    await apply([]);
    await until(
      'the withdrawal',
      () => station.told,
      () => [sentTo(theirs), sentTo(third), toldOf(': used ')].every((lines) => holds(lines, '-198.51.100.0/24')),
    );
    await peers[1]!.kill();
    await daemon.apply(bgpV1.BgpConfig.fromPartial({ routerId: ours.address, localAs: 64512 }));
    await until(
      'good-bye',
      () => station.told,
      (told) => holds(told, 'termination'),
    );
  });

  it('tells a station what import filters make of the routes', async () => {
    const bird = new Bird(
      theirs,
      `router id 192.0.2.1;
log stderr all;
protocol device { }
protocol static { ipv4; route 198.51.100.0/24 blackhole; route 203.0.113.0/24 blackhole; }
protocol static s2 { disabled; ipv4; route 192.0.2.0/24 blackhole; }
protocol bgp ours { local as 64513; neighbor ${ours.address} as 64512; connect retry time 1; connect delay time 1; ipv4 { import all; export all; }; }
`,
    );
    const rule = { family: 4, action: bgpV1.FilterAction.REJECT, matchOperator: bgpV1.MatchOperator.EQUAL };
    const config = (rejected: string): bgpV1.BgpConfig =>
      bgpV1.BgpConfig.fromPartial({
        routerId: ours.address,
        localAs: 64512,
        neighbors: [{ name: 'bird', address: theirs.address, remoteAs: 64513, importFilters: ['f'] }],
        filters: [{ name: 'f', rules: [{ ...rule, cidr: rejected }] }],
        bmpStations: [{ address: theirs.address, port, view: bgpV1.BmpView.POST_POLICY }],
      });
    const ofRoutes = (): string[] => station.told.flatMap((line) => /after policy (.*)/.exec(line)?.[1] ?? []);
    const hears = (last: string): Promise<string[]> => until(last, ofRoutes, (told) => told.includes(last));
    await daemon.apply(config('203.0.113.0/24'));
    await hears('end of RIB');
    expect(ofRoutes()).toContain('+198.51.100.0/24');
    expect(ofRoutes()).not.toContain('+203.0.113.0/24');
    await daemon.apply(config('198.51.100.0/24'));
    await hears('-198.51.100.0/24');
    await hears('+203.0.113.0/24');
    bird.birdc('enable', 's2');
    await hears('+192.0.2.0/24');
    bird.birdc('disable', 's2');
    await hears('-192.0.2.0/24');
  });
});

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bgpV1 } from '@calico-node/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bird, Daemon, Rig, until, type Host } from './rig.ts';

let rig: Rig;
let ours: Host;
let theirs: Host;
let daemon: Daemon;

beforeEach(() => {
  rig = new Rig();
  ours = rig.addHost();
  theirs = rig.addHost();
  daemon = new Daemon(ours);
  for (const [index, host] of [ours, theirs].entries())
    host.ip('address', 'add', `fd00:9::${index + 1}/64`, 'dev', 'eth0', 'nodad');
});

afterEach(async () => {
  daemon.close();
  await rig.close();
});

function startBird(addPaths = ''): Bird {
  return new Bird(
    theirs,
    `router id ${theirs.address};
log stderr all;
protocol device { }
protocol static { ipv4; route 192.0.2.0/24 blackhole { bgp_community.add((64513, 7)); }; }
protocol static { ipv6; route 2001:db8:1::/48 blackhole; }
template bgp ours { local as 64513; connect retry time 1; connect delay time 1; }
protocol bgp ours4 from ours { neighbor ${ours.address} as 64512; ipv4 { import all; export all; ${addPaths} }; }
protocol bgp ours6 from ours { neighbor fd00:9::1 as 64512; ipv6 { import all; export all; }; }
`,
  );
}

const config = (): bgpV1.BgpConfig =>
  bgpV1.BgpConfig.fromPartial({
    nodeName: 'node-1',
    routerId: ours.address,
    localAs: 64512,
    neighbors: [theirs.address, 'fd00:9::2'].map((address) => ({ name: address, address, remoteAs: 64513 })),
    staticRoutes: [{ prefix: '10.244.1.0/26' }],
    kernel: { learn: true },
  });

/** What an independent reader makes of MRT: one line for each path or message, fields between bars. */
function read(mrt: Uint8Array): string[][] {
  const file = join(ours.directory, 'mrt');
  writeFileSync(file, mrt);
  const text = execFileSync('bgpdump', ['-v', '-m', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return text
    .trim()
    .split('\n')
    .map((line) => line.split('|'));
}

async function dump(): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const { data } of daemon.client.dumpTable({}) as AsyncIterable<bgpV1.DumpTableResponse>) pieces.push(data);
  return Buffer.concat(pieces);
}

describe('MRT', () => {
  it('dumps the table as bgpdump reads it: both families, attributes, and who told', async () => {
    startBird();
    await daemon.apply(config());
    await daemon.established(2);
    await until(
      'routes',
      () => daemon.routes(),
      (routes) =>
        ['192.0.2.0/24', '2001:db8:1::/48'].every((prefix) => routes.some((route) => route.prefix === prefix)),
    );
    const lines = read(await dump());
    const about = (prefix: string): string[] | undefined => lines.find((fields) => fields[5] === prefix);
    const none = '0';
    expect(about('192.0.2.0/24')?.slice(2, 13)).toEqual([
      'B',
      theirs.address,
      '64513',
      '192.0.2.0/24',
      '64513',
      'IGP',
      theirs.address,
      none,
      none,
      '64513:7',
      'NAG',
    ]);
    expect(about('2001:db8:1::/48')?.slice(3, 9)).toEqual([
      'fd00:9::2',
      '64513',
      '2001:db8:1::/48',
      '64513',
      'IGP',
      'fd00:9::2',
    ]);
    expect(about('10.244.1.0/26')?.slice(3, 7)).toEqual(['0.0.0.0', '64512', '10.244.1.0/26', '']);
  });

  it('has path identifiers where the peer gives them, in the table and in the log (RFC 8050)', async () => {
    startBird('add paths tx;');
    const file = join(ours.directory, 'updates.mrt');
    const whole = bgpV1.BgpConfig.fromPartial({ ...config(), mrtLog: { file } });
    for (const neighbor of whole.neighbors) neighbor.addPathReceive = true;
    await daemon.apply(whole);
    await daemon.established(2);
    const prefixes = ['192.0.2.0/24', '2001:db8:1::/48'];
    const isWhole = (lines: string[][]): boolean =>
      prefixes.every((prefix) => lines.some((fields) => fields[5] === prefix));
    await until('the log', () => (existsSync(file) ? read(readFileSync(file)) : []), isWhole);
    const records = await dump();
    expect(isWhole(read(records))).toBe(true);
    const subtypes: number[] = [];
    for (let at = 0; at < records.length; at += 12 + records.readUInt32BE(at + 8))
      subtypes.push(records.readUInt16BE(at + 6));
    expect(subtypes.sort()).toEqual([1, 2, 4, 8]);
  });

  it('logs sessions and UPDATEs to files that bgpdump reads', async () => {
    const file = join(ours.directory, 'updates.mrt');
    const bird = startBird();
    await daemon.apply(bgpV1.BgpConfig.fromPartial({ ...config(), mrtLog: { file, maxBytes: 1, keep: 2 } }));
    const seen = new Set<string>();
    const look = (suffix: string): void => {
      const path = file + suffix;
      if (!existsSync(path)) return;
      for (const fields of read(readFileSync(path))) seen.add(fields.slice(2, 7).join(' '));
    };
    // Each write fills a file: what has been read once may be gone when the next is looked for.
    const told = (): string[] => {
      for (const suffix of ['.1', '.2']) look(suffix);
      return [...seen];
    };
    const hears = async (text: string): Promise<void> => {
      await until(text, told, (lines) => lines.includes(text));
    };
    await hears(`STATE ${theirs.address} 64513 5 6`);
    await hears('A fd00:9::2 64513 2001:db8:1::/48 64513');
    bird.birdc('disable', 'static1');
    await hears(`W ${theirs.address} 64513 192.0.2.0/24`);
    bird.birdc('disable', 'ours4');
    await hears(`STATE ${theirs.address} 64513 6 1`);
    expect(existsSync(`${file}.3`)).toBe(false);
  });
});

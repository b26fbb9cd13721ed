/** The daemon alone, by the examples of its documentation, with speakers of other projects. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { otherKinds, whyMissing, type OtherConfig, type OtherSpeaker } from './other-speakers.ts';
import { Bird, Daemon, Rig, until, type Host } from './rig.ts';

const docs = readFileSync(new URL('../../../docs/bgp.md', import.meta.url), 'utf8');

/** The example under a heading. */
function example(heading: string): string {
  const [, text] = new RegExp(`^### ${heading}$[^]*?^\`\`\`json\n([^]*?)^\`\`\``, 'm').exec(docs) ?? [];
  if (text === undefined) throw new Error(`no example under '${heading}'`);
  return text;
}

let rig: Rig;
let daemon: Daemon;
let ours: Host;

beforeEach(() => {
  rig = new Rig();
  ours = rig.addHost();
});

afterEach(async () => {
  daemon.close();
  await rig.close();
});

function hostAt(number: number): Host {
  const host = rig.addHost();
  host.ip('address', 'add', `192.0.2.${number}/24`, 'dev', 'eth0');
  return host;
}

function startBy(heading: string, number: number): void {
  ours.ip('address', 'add', `192.0.2.${number}/24`, 'dev', 'eth0');
  const file = join(ours.directory, 'speaker.json');
  writeFileSync(file, example(heading));
  daemon = new Daemon(ours, ['--config', file]);
}

function start(
  name: string,
  number: number,
  config: Pick<OtherConfig, 'asn' | 'peer' | 'peerAs' | 'prefixes'>,
): OtherSpeaker {
  const kind = otherKinds.find((known) => known.name === name)!;
  return kind.start(hostAt(number), { address: `192.0.2.${number}`, ...config });
}

const shown = (speaker: OtherSpeaker, prefix: string, others: readonly OtherSpeaker[] = []): Promise<string> =>
  until(
    prefix,
    () => {
      // Some have their routes only once they are asked.
      for (const other of others) other.show(prefix);
      return speaker.show(prefix);
    },
    (text) => text.includes(prefix),
  );

const isMissing = otherKinds.some((kind) => whyMissing(kind) !== undefined);

describe.skipIf(isMissing)('the daemon alone, as documented', () => {
  it('is a router with a way out, over both routers there, and takes nothing else from them', async () => {
    const north = hostAt(1);
    const bird = new Bird(
      north,
      `router id 192.0.2.1;
protocol device { scan time 1; }
protocol direct { ipv4; }
protocol bfd { interface "eth0" { min rx interval 300 ms; min tx interval 300 ms; }; }
protocol static { ipv4; route 0.0.0.0/0 via 192.0.2.1; route 203.0.113.0/24 via 192.0.2.1; }
protocol bgp ours {
  local 192.0.2.1 as 64601; neighbor 192.0.2.10 as 64512;
  password "a secret of both"; ttl security on; bfd on;
  connect retry time 1; connect delay time 1; error wait time 1, 2;
  ipv4 { import all; export where source = RTS_STATIC; };
}
`,
    );
    const other = { asn: 64602, peer: '192.0.2.10', peerAs: 64512, prefixes: ['0.0.0.0/0', '203.0.113.0/24'] };
    const south = start('FRR', 2, other);
    startBy('A router with a way out', 10);
    const ways = await until(
      'two ways out',
      () => (south.show('0.0.0.0/0'), ours.ip('-o', 'route', 'show', 'default')),
      (route) => route.includes('192.0.2.1 ') && route.includes('192.0.2.2 '),
    );
    expect(ways).toContain('proto bird');
    expect(ours.routes('bird')).not.toContainEqual(expect.stringContaining('203.0.113'));
    expect(ours.routes('bird')).toContainEqual(expect.stringContaining('blackhole 198.51.100.0/24'));
    expect(await shown(south, '198.51.100.0/24')).toContain('64512');
    await until(
      'BFD',
      () => bird.birdc('show', 'bfd', 'sessions'),
      (text) => /192\.0\.2\.10.*Up/.test(text),
    );
    expect(bird.birdc('show', 'route', '198.51.100.0/24', 'all')).toContain('BGP.as_path: 64512');
  });

  it('is a route reflector for whoever connects', async () => {
    startBy('A route reflector', 20);
    const config = { asn: 64512, peer: '192.0.2.20', peerAs: 64512 };
    const first = start('BIRD', 129, { ...config, prefixes: ['203.0.113.0/25'] });
    const second = start('FRR', 130, { ...config, prefixes: ['203.0.113.128/25'] });
    expect(await shown(first, '203.0.113.128/25')).toContain('192.0.2.130');
    expect(await shown(second, '203.0.113.0/25')).toContain('192.0.2.20');
    expect((await daemon.established(2)).filter(({ dynamic }) => dynamic)).toHaveLength(2);
    expect(ours.routes('bird')).toEqual([]);
  });

  it('is a route server, of which nothing shows', async () => {
    startBy('A route server', 30);
    const config = { peer: '192.0.2.30', peerAs: 64599 };
    const first = start('FRR', 31, { ...config, asn: 64701, prefixes: ['203.0.113.0/25'] });
    const second = start('GoBGP', 32, { ...config, asn: 64702, prefixes: ['203.0.113.128/25'] });
    for (const [speaker, prefix, asn, hop] of [
      [first, '203.0.113.128/25', '64702', '192.0.2.32'],
      [second, '203.0.113.0/25', '64701', '192.0.2.31'],
    ] as const) {
      const text = await shown(speaker, prefix, [first, second]);
      expect(text).toContain(asn);
      expect(text).toContain(hop);
      // But in the mark of RFC 9234.
      expect(text).not.toMatch(/(?<!otc )64599/);
    }
    // Those that play in its head before any session are no business of an operator.
    expect(ours.log('daemon.log')).not.toMatch(/"peer":"192\.0\.2\.[123]"/);
  });

  it('says where a file is wrong, and does not start', async () => {
    const file = join(ours.directory, 'speaker.json');
    writeFileSync(file, example('A router with a way out').replace('"maxPrefixes": 100', '"maxPrefix": 100'));
    daemon = new Daemon(ours, ['--config', file]);
    const text = await until(
      'its end',
      () => ours.log('daemon.log'),
      (log) => log.includes('speaker.json'),
    );
    expect(text).toContain('neighbors[0].maxPrefix: there is no such field');
    await daemon.ended();
    writeFileSync(file, example('A route server'));
    daemon.restart(['--config', file, '--check']);
    await daemon.ended();
    expect(ours.log('daemon.log')).toContain(`${file}: nothing wrong`);
    writeFileSync(file, '{\n  "routerId": "192.0.2.1",\n  "localAs" 1\n}\n');
    daemon.restart(['--config', file]);
    await until(
      'the line',
      () => ours.log('daemon.log'),
      (log) => log.includes('line 3'),
    );
  });
});

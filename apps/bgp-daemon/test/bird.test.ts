import { bgpV1 } from '@calico-node/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bird, Daemon, Rig, until, type Host } from './rig.ts';

let rig: Rig;
let ours: Host;
let theirs: Host;
let daemon: Daemon;
let bird: Bird;

const birdConfig = (me: string, peer: string, remoteAs: number): string => `
router id ${me};
log stderr all;
protocol device { scan time 1; }
protocol kernel { learn; persist; scan time 1; ipv4 { import all; export filter { if source = RTS_BGP then accept; reject; }; }; }
protocol direct { ipv4; }
protocol static { ipv4; route 10.244.2.0/26 blackhole; route 192.0.2.0/24 via ${me}; }
protocol bgp ours {
  local ${me} as 64512;
  neighbor ${peer} as ${remoteAs};
  graceful restart on;
  connect retry time 1; connect delay time 1; error wait time 1, 2;
  ipv4 { import all; export where proto = "static1" || proto = "kernel1"; next hop self; };
}
`;

beforeEach(() => {
  rig = new Rig();
  ours = rig.addHost();
  theirs = rig.addHost();
});

afterEach(async () => {
  daemon.close();
  await rig.close();
});

function config(remoteAs = 64512): bgpV1.BgpConfig {
  return bgpV1.BgpConfig.fromPartial({
    nodeName: 'ours',
    routerId: ours.address,
    localAs: 64512,
    neighbors: [{ name: 'bird', address: theirs.address, remoteAs, sourceAddress: ours.address }],
    staticRoutes: [{ prefix: '10.244.1.0/26', suppressSpecifics: true }],
    kernel: { learn: true, program: true, announceWithin: ['10.244.0.0/16'] },
  });
}

async function bothUp(): Promise<void> {
  await daemon.established();
  await until(
    'BIRD',
    () => bird.birdc('show', 'protocols', 'ours'),
    (text) => text.includes('Established'),
  );
}

const blackhole = 'blackhole 10.244.1.0/26';

describe('with BIRD 2', () => {
  it('exchanges routes both ways, from kernel to kernel, and leaves the routes of others alone', async () => {
    ours.addLink('cali1');
    ours.ip('route', 'add', '10.244.1.5/32', 'dev', 'cali1', 'proto', 'boot'); // in our block: covered
    ours.ip('route', 'add', '10.244.2.9/32', 'dev', 'cali1', 'proto', 'boot'); // borrowed from theirs
    ours.ip('route', 'add', '172.16.0.0/16', 'dev', 'cali1', 'proto', 'static'); // not ours to tell
    theirs.addLink('cali2');
    theirs.ip('route', 'add', '10.244.1.7/32', 'dev', 'cali2', 'proto', 'boot'); // borrowed from ours
    daemon = new Daemon(ours);
    bird = new Bird(theirs, birdConfig(theirs.address, ours.address, 64512));
    await daemon.apply(config());
    await bothUp();
    const via = `via ${theirs.address} dev eth0`;
    await until(
      'our kernel',
      () => ours.routes('bird'),
      (routes) => routes.length === 4,
    );
    expect(ours.routes('bird')).toEqual([
      `10.244.1.7 ${via}`,
      `10.244.2.0/26 ${via}`,
      `192.0.2.0/24 ${via}`,
      blackhole,
    ]);
    const back = `via ${ours.address} dev eth0 metric 32`;
    await until(
      'their kernel',
      () => theirs.routes('bird'),
      (routes) => routes.length === 2,
    );
    expect(theirs.routes('bird')).toEqual([`10.244.1.0/26 ${back}`, `10.244.2.9 ${back}`]);
    // Withdrawn where they come from, they go.
    ours.ip('route', 'del', '10.244.2.9/32', 'dev', 'cali1');
    theirs.ip('route', 'del', '10.244.1.7/32', 'dev', 'cali2');
    await until(
      'their kernel',
      () => theirs.routes('bird'),
      (routes) => routes.length === 1,
    );
    await until(
      'our kernel',
      () => ours.routes('bird'),
      (routes) => routes.length === 3,
    );
    expect(ours.routes('static')).toEqual(['172.16.0.0/16 dev cali1 scope link']);
    // What somebody removes comes back; what somebody puts there stays.
    ours.ip('route', 'del', '10.244.2.0/26', 'proto', 'bird');
    await until(
      'repair',
      () => ours.routes('bird'),
      (routes) => routes.includes(`10.244.2.0/26 ${via}`),
    );
  });

  it('is a peer of another AS', async () => {
    daemon = new Daemon(ours);
    bird = new Bird(theirs, birdConfig(theirs.address, ours.address, 64999).replace('as 64512;', 'as 64777;'));
    await daemon.apply({ ...config(64777), localAs: 64999 });
    await bothUp();
    const shown = await until(
      'route',
      () => bird.birdc('show', 'route', 'all', '10.244.1.0/26'),
      (text) => text.includes('as_path'),
    );
    expect(shown).toMatch(/as_path: 64999\s/);
    const [route] = await until(
      'route',
      () => daemon.routes('10.244.2.0/26'),
      (routes) => routes.length === 1,
    );
    expect(route).toMatchObject({ asPath: '64777', best: true, source: 'bird' });
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)('keeps its peer forwarding through %s and a new start', async (signal) => {
    daemon = new Daemon(ours);
    bird = new Bird(theirs, birdConfig(theirs.address, ours.address, 64512));
    await daemon.apply(config());
    await bothUp();
    await until(
      'their kernel',
      () => theirs.routes('bird'),
      (routes) => routes.length === 1,
    );
    await until(
      'our kernel',
      () => ours.routes('bird'),
      (routes) => routes.length === 3,
    );
    const [before, beforeOurs] = [theirs.routes('bird'), ours.routes('bird')];
    const seen: string[][] = [];
    await daemon.kill(signal);
    seen.push(theirs.routes('bird'), ours.routes('bird'));
    daemon.restart();
    const watch = setInterval(() => {
      seen.push(theirs.routes('bird'), ours.routes('bird'));
    }, 20);
    try {
      // The configuration is the stored one.
      await until(
        'new session',
        () => daemon.peers(),
        (peers) => peers[0]?.state === 6 && peers[0].prefixesReceived > 0n,
      );
      await until(
        'convergence',
        () => daemon.status(),
        ({ restarting }) => !restarting,
      );
      await until(
        'BIRD',
        () => bird.birdc('show', 'protocols', 'all', 'ours'),
        (text) => /Neighbor GR:|Established/.test(text),
      );
    } finally {
      clearInterval(watch);
    }
    for (const routes of seen) expect([before, beforeOurs]).toContainEqual(routes);
    expect(seen.length).toBeGreaterThan(3);
  });

  it('keeps the routes of a BIRD that restarts, and drops what it does not repeat', async () => {
    daemon = new Daemon(ours);
    bird = new Bird(theirs, birdConfig(theirs.address, ours.address, 64512));
    await daemon.apply(config());
    await bothUp();
    await until(
      'our kernel',
      () => ours.routes('bird'),
      (routes) => routes.length === 3,
    );
    const before = ours.routes('bird');
    await bird.kill();
    await until(
      'loss',
      () => daemon.peers(),
      (peers) => peers[0]?.stale === true,
    );
    expect(ours.routes('bird')).toEqual(before);
    bird = new Bird(
      theirs,
      birdConfig(theirs.address, ours.address, 64512).replace('route 192.0.2.0/24', 'route 192.0.3.0/24'),
    );
    const via = `via ${theirs.address} dev eth0`;
    await until(
      'our kernel',
      () => ours.routes('bird'),
      (routes) => routes.includes(`192.0.3.0/24 ${via}`),
    );
    await until(
      'our kernel',
      () => ours.routes('bird'),
      (routes) => !routes.includes(`192.0.2.0/24 ${via}`),
    );
  });
});

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bgpV1 } from '@calico-node/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { otherKinds, whyMissing } from './other-speakers.ts';
import { Bird, Daemon, Rig, until, type Host } from './rig.ts';

const [ourAs, theirAs] = [64512, 64777];
const [ourNear, theirNear] = ['fe80::1', 'fe80::2'];
const ourPrefixes = ['10.244.1.0/26', 'fd00:244:1::/122'];
const theirPrefixes = ['10.244.2.0/26', 'fd00:244:2::/122'];

/** Gives an interface this link-local address and no other of IPv6. */
function onLink(host: Host, address: string, device = 'eth0'): void {
  host.ip('link', 'set', device, 'addrgenmode', 'none');
  host.ip('-6', 'address', 'flush', 'dev', device);
  host.ip('address', 'add', `${address}/64`, 'dev', device, 'nodad');
  host.ip('link', 'set', device, 'up');
}

/** What a host's kernel has for prefixes, one line each. */
function kernel(host: Host, prefixes: readonly string[]): string[] {
  return prefixes.map((prefix) => {
    const family = prefix.includes(':') ? '-6' : '-4';
    return host.ip('-o', family, 'route', 'show', prefix).trim().replace(/\s+/g, ' ');
  });
}

async function inKernel(host: Host, prefixes: readonly string[], ...parts: readonly string[]): Promise<void> {
  await until(
    `${prefixes.join()} in the kernel of ${host.name}`,
    () => kernel(host, prefixes),
    (routes) => routes.every((route) => parts.every((part) => route.includes(part))),
  );
}

const bird = (host: Host, peer: string): Bird =>
  new Bird(
    host,
    `router id ${host.address};
log stderr all;
protocol device { scan time 1; }
protocol direct { ipv4; ipv6; }
protocol kernel { persist; scan time 1; ipv4 { import none; export where source = RTS_BGP; }; }
protocol kernel { persist; scan time 1; ipv6 { import none; export where source = RTS_BGP; }; }
protocol static { ipv4; route ${theirPrefixes[0] ?? ''} blackhole; }
protocol static { ipv6; route ${theirPrefixes[1] ?? ''} blackhole; }
protocol bgp ours {
  ${peer}
  connect retry time 1; connect delay time 1; error wait time 1, 2;
  ipv4 { import all; export where source = RTS_STATIC; extended next hop; };
  ipv6 { import all; export where source = RTS_STATIC; };
}
`,
  );

/** FRR that knows its interfaces: bgpd with zebra, which has a user of its own. */
function frr(host: Host, peer: string, directory: string): void {
  chmodSync(directory, 0o777);
  const [ipv4 = '', ipv6 = ''] = theirPrefixes;
  const family = (name: string, prefix: string): string[] => [
    ` address-family ${name} unicast`,
    `  neighbor ${peer} activate`,
    `  network ${prefix}`,
    ' exit-address-family',
  ];
  const lines = [
    `router bgp ${theirAs}`,
    ` bgp router-id ${host.address}`,
    ' no bgp ebgp-requires-policy',
    ' no bgp network import-check',
    ' coalesce-time 1',
    ` neighbor ${peer} remote-as ${ourAs}`,
    ` neighbor ${peer} interface eth0`,
    ` neighbor ${peer} timers connect 1`,
    ` neighbor ${peer} advertisement-interval 0`,
    ` neighbor ${peer} capability extended-nexthop`,
    ...family('ipv4', ipv4),
    ...family('ipv6', ipv6),
  ];
  writeFileSync(join(directory, 'bgpd.conf'), `${lines.join('\n')}\n`);
  writeFileSync(join(directory, 'zebra.conf'), '');
  for (const name of ['zebra', 'bgpd']) {
    const files = ['-f', join(directory, `${name}.conf`), '-i', join(directory, `${name}.pid`)];
    const sockets = ['-z', join(directory, 'zserv'), '--vty_socket', directory];
    const user = name === 'bgpd' ? ['-S'] : [];
    host.spawn(`/usr/lib/frr/${name}`, [...files, ...sockets, ...user, '-P', '0'], 'frr.log');
  }
}

describe('over link-local addresses', () => {
  let rig: Rig;
  let ours: Host;
  let theirs: Host;
  let open: string;
  const daemons: Daemon[] = [];

  beforeEach(() => {
    rig = new Rig();
    open = mkdtempSync(join(tmpdir(), 'cnt-bgp-'));
    ours = rig.addHost();
    theirs = rig.addHost();
    onLink(ours, ourNear);
    onLink(theirs, theirNear);
  });

  afterEach(async () => {
    for (const daemon of daemons.splice(0)) daemon.close();
    await rig.close();
    rmSync(open, { recursive: true, force: true });
  });

  const start = (host: Host, config: Record<string, unknown>): Daemon => {
    const file = join(host.directory, 'daemon.json');
    const base = { routerId: host.address, kernel: { program: true, announceWithin: ['10.244.0.0/16'] } };
    writeFileSync(file, JSON.stringify({ ...base, ...config }));
    const daemon = new Daemon(host, ['--config', file]);
    daemons.push(daemon);
    return daemon;
  };

  const statics = (prefixes: readonly string[]): { prefix: string }[] => prefixes.map((prefix) => ({ prefix }));

  const neighbor = (address: string, rest: Record<string, unknown> = {}): Record<string, unknown> => ({
    name: address,
    address,
    remoteAs: theirAs,
    families: [4, 6],
    ...rest,
  });

  const ourConfig = (...neighbors: readonly Record<string, unknown>[]): Record<string, unknown> => ({
    localAs: ourAs,
    neighbors,
    staticRoutes: statics(ourPrefixes),
  });

  const missing = otherKinds.map(whyMissing).find((why) => why?.includes('FRR') === true);

  it('is a peer of BIRD, with routes of both families through its link-local address (RFC 8950)', async () => {
    bird(theirs, `local ${theirNear} as ${theirAs}; neighbor ${ourNear}%eth0 as ${ourAs};`);
    const daemon = start(ours, ourConfig(neighbor(`${theirNear}%eth0`)));
    const [peer] = await daemon.established();
    expect(peer).toMatchObject({ address: `${theirNear}%eth0` });
    await inKernel(ours, theirPrefixes, `${theirNear} dev eth0`, 'proto bird');
    await inKernel(theirs, ourPrefixes, `${ourNear} dev eth0`);
    for (const prefix of theirPrefixes) {
      expect((await daemon.routes(prefix))[0]).toMatchObject({ nextHop: `${theirNear}%eth0`, best: true });
    }
  });

  it('waits for BIRD to connect at a link-local address, where it is told to', async () => {
    // Of no use to BIRD, which is not on that network.
    ours.ip('address', 'add', 'fd00:9::1/64', 'dev', 'eth0', 'nodad');
    bird(theirs, `local ${theirNear} as ${theirAs}; neighbor ${ourNear}%eth0 as ${ourAs};`);
    const passive = neighbor(theirNear, { interfaceName: 'eth0', passive: true });
    await start(ours, { ...ourConfig(passive), listenAddresses: [`${ourNear}%eth0`] }).established();
    expect(ours.ss('-l', 'sport = 179').filter((line) => line !== '')).toEqual([
      expect.stringContaining(`[${ourNear}]%eth0:179`),
    ]);
    await inKernel(ours, theirPrefixes, `${theirNear} dev eth0`, 'proto bird');
    await inKernel(theirs, ourPrefixes, `${ourNear} dev eth0`);
  });

  it.skipIf(missing !== undefined)(
    `is a peer of FRR, unnumbered${missing === undefined ? '' : `: ${missing}`}`,
    async () => {
      frr(theirs, ourNear, open);
      const daemon = start(ours, ourConfig(neighbor(`${theirNear}%eth0`)));
      await daemon.established();
      await inKernel(ours, theirPrefixes, `${theirNear} dev eth0`, 'proto bird');
      await inKernel(theirs, ourPrefixes, `${ourNear} dev eth0`);
    },
  );

  it('uses the link-local address that comes beside a global one, but not from a multihop peer', async () => {
    ours.ip('address', 'add', 'fd00:9::1/64', 'dev', 'eth0', 'nodad');
    theirs.ip('address', 'add', 'fd00:9::2/64', 'dev', 'eth0', 'nodad');
    bird(theirs, `local fd00:9::2 as ${theirAs}; neighbor fd00:9::1 as ${ourAs};`);
    const file = join(ours.directory, 'daemon.json');
    const daemon = start(ours, ourConfig(neighbor('fd00:9::2')));
    await inKernel(ours, theirPrefixes, `${theirNear} dev eth0`, 'proto bird');
    expect((await daemon.routes(theirPrefixes[1]))[0]).toMatchObject({ nextHop: 'fd00:9::2' });
    const config = {
      routerId: ours.address,
      kernel: { program: true },
      ...ourConfig(neighbor('fd00:9::2', { multihop: true })),
    };
    writeFileSync(file, JSON.stringify(config));
    process.kill(daemon.pid, 'SIGHUP');
    await inKernel(ours, theirPrefixes, 'fd00:9::2 dev eth0', 'proto bird');
  });

  it('spreads packets over two links to one router, whose addresses on them are the same, and notices the end of one', async () => {
    ours.ip('link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'eth1', 'netns', theirs.name);
    onLink(ours, ourNear, 'eth1');
    onLink(theirs, theirNear, 'eth1');
    const template = { remoteAs: ourAs, families: [4, 6] };
    start(theirs, {
      localAs: theirAs,
      dynamicNeighbors: [{ prefix: 'fe80::/10', template }],
      staticRoutes: statics(theirPrefixes),
    });
    const links = ['eth0', 'eth1'].map((device) => neighbor(`${theirNear}%${device}`));
    const daemon = start(ours, ourConfig(...links));
    await daemon.established(2);
    await inKernel(ours, theirPrefixes, `${theirNear} dev eth0`, `${theirNear} dev eth1`);
    await inKernel(theirs, ourPrefixes, `${ourNear} dev eth0`, `${ourNear} dev eth1`);
    ours.ip('link', 'set', 'eth1', 'down');
    await until(
      'one way',
      () => kernel(ours, theirPrefixes),
      (routes) => routes.every((route) => route.includes('dev eth0') && !route.includes('eth1')),
    );
  });

  it('has a BFD session there too', async () => {
    const bfd = { minRxMillis: 300, minTxMillis: 300 };
    start(theirs, {
      localAs: theirAs,
      neighbors: [{ ...neighbor(`${ourNear}%eth0`, { passive: true, bfd }), remoteAs: ourAs }],
    });
    const daemon = start(ours, ourConfig(neighbor(`${theirNear}%eth0`, { bfd })));
    await until(
      'BFD',
      () => daemon.peers(),
      ([peer]) => peer?.bfd?.state === bgpV1.BfdState.UP,
    );
  });
});

import { bgpV1 } from '@calico-node/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bird, Daemon, Rig, until, type Host } from './rig.ts';

let rig: Rig;
let ours: Host;
let theirs: Host;
let daemon: Daemon;
let bird: Bird;

const { ACCEPT, REJECT } = bgpV1.FilterAction;

/** A BIRD that tells of the prefixes, as an export filter leaves them. */
function startBird(asn: number, prefixes: readonly string[], change = ''): Bird {
  return new Bird(
    theirs,
    `router id ${theirs.address};
log stderr all;
protocol device { scan time 1; }
protocol direct { ipv4; }
protocol static { ipv4; ${prefixes.map((prefix) => `route ${prefix} via ${theirs.address};`).join(' ')} }
protocol bgp ours {
  local ${theirs.address} as ${asn};
  neighbor ${ours.address} as 64512;
  connect retry time 1; connect delay time 1; error wait time 1, 2;
  ipv4 { import all; export filter { if source != RTS_STATIC then reject; ${change} accept; }; next hop self; };
}
`,
  );
}

function config(remoteAs: number, parts: Partial<bgpV1.BgpConfig> = {}): bgpV1.BgpConfig {
  return bgpV1.BgpConfig.fromPartial({
    routerId: ours.address,
    localAs: 64512,
    neighbors: [{ name: 'bird', address: theirs.address, remoteAs }],
    staticRoutes: [{ prefix: '10.244.1.0/26', suppressSpecifics: true }],
    kernel: { learn: true, program: true, announceWithin: ['10.244.0.0/16'] },
    ...parts,
  });
}

/** The configuration with filters for what comes in and what goes out. */
function filtered(
  remoteAs: number,
  imports: readonly Partial<bgpV1.FilterRule>[],
  exports: readonly Partial<bgpV1.FilterRule>[] = [],
): bgpV1.BgpConfig {
  const rules = (list: readonly Partial<bgpV1.FilterRule>[]): bgpV1.FilterRule[] =>
    list.map((rule) => bgpV1.FilterRule.fromPartial({ family: 4, action: ACCEPT, ...rule }));
  const whole = config(remoteAs, {
    filters: [
      { name: 'in', rules: rules(imports) },
      { name: 'out', rules: rules(exports) },
    ],
  });
  Object.assign(whole.neighbors[0]!, { importFilters: ['in'], exportFilters: ['out'] });
  return whole;
}

const operations = (...list: Partial<bgpV1.FilterOperation>[]): bgpV1.FilterOperation[] =>
  list.map((one) => bgpV1.FilterOperation.fromPartial(one));

const ourRoutes = (what: string, holds: (routes: string[]) => boolean): Promise<string[]> =>
  until(what, () => ours.routes('bird'), holds);

beforeEach(() => {
  rig = new Rig();
  ours = rig.addHost();
  theirs = rig.addHost();
  daemon = new Daemon(ours);
});

afterEach(async () => {
  daemon.close();
  await rig.close();
});

describe('a BGPFilter', () => {
  it('sorts what comes in by community and AS path, gives it a metric, and changes its mind under the session', async () => {
    const marked = 'if net = 192.0.2.0/24 then bgp_community.add((65000, 7));';
    const longer = 'if net = 198.51.100.0/24 then bgp_path.prepend(64999);';
    const prefixes = ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24'];
    bird = startBird(64777, prefixes, `${marked} ${longer}`);
    const urgent = {
      communities: ['65000:7'],
      operations: operations({ setPriority: 512 }, { addCommunity: '1:2:3' }),
    };
    const unwanted = { asPathPrefix: [64777, 64999], action: REJECT };
    await daemon.apply(filtered(64777, [urgent, unwanted]));
    await daemon.established();
    const via = `via ${theirs.address} dev eth0`;
    const all = [`192.0.2.0/24 ${via} metric 512`, `203.0.113.0/24 ${via}`, 'blackhole 10.244.1.0/26'];
    await ourRoutes('our kernel', (routes) => routes.join() === all.join());
    const [route] = await daemon.routes('192.0.2.0/24');
    expect(route?.communities).toEqual(['65000:7', '1:2:3']);
    const since = (await daemon.peers())[0]!.sinceUnixMillis;
    await daemon.apply(filtered(64777, [{ ...urgent, operations: operations({ addCommunity: '1:2' }) }]));
    await ourRoutes(
      'another opinion',
      (routes) => routes.includes(`192.0.2.0/24 ${via}`) && routes.includes(`198.51.100.0/24 ${via}`),
    );
    // Of what came, not of what the first filter left.
    expect((await daemon.routes('192.0.2.0/24'))[0]?.communities).toEqual(['65000:7', '1:2']);
    expect((await daemon.peers())[0]?.sinceUnixMillis).toBe(since);
  });

  it('changes what goes out, and tells peers in our AS of a priority by LOCAL_PREF', async () => {
    bird = startBird(64512, []);
    ours.addLink('cali1');
    ours.ip('route', 'add', '10.244.2.9/32', 'dev', 'cali1', 'proto', 'boot', 'metric', '512');
    ours.ip('route', 'add', '10.244.2.8/32', 'dev', 'cali1', 'proto', 'boot');
    const changes = operations({ setPriority: 100 }, { addCommunity: '65000:1' }, { prependAsPath: [65010, 65011] });
    await daemon.apply(filtered(64512, [], [{ priority: 512, operations: changes }, { priority: 1024 }]));
    const shown = (prefix: string): string => bird.birdc('show', 'route', prefix, 'all');
    const urgent = await until(
      'their route',
      () => shown('10.244.2.9/32'),
      (text) => text.includes('BGP.local_pref'),
    );
    expect(urgent).toContain(`BGP.local_pref: ${0x7fffffff - 100}`);
    expect(urgent).toContain('BGP.as_path: 65010 65011');
    expect(urgent).toContain('(65000,1)');
    expect(shown('10.244.2.8/32')).toContain('BGP.local_pref: 100');
  });
});

describe('a workload that moves', () => {
  const normalPriorityV4 = 1024;
  const kernel = { learn: true, program: true, announceWithin: ['10.244.0.0/16'], normalPriorityV4 };
  const moving = (): bgpV1.BgpConfig => config(64512, { kernel: bgpV1.KernelConfig.fromPartial(kernel) });
  const localPref = 'if net = 10.244.1.9/32 then bgp_local_pref = 2147483135;';

  it('is reached at its new node, which says so by LOCAL_PREF, though its old route is still there', async () => {
    ours.addLink('cali1');
    ours.ip('route', 'add', '10.244.1.9/32', 'dev', 'cali1', 'proto', 'boot', 'metric', '1024');
    ours.ip('route', 'add', '10.244.1.8/32', 'dev', 'cali1', 'proto', 'boot', 'metric', '1024');
    bird = startBird(64512, ['10.244.1.9/32', '10.244.1.8/32', '192.0.2.0/24'], localPref);
    await daemon.apply(moving());
    const via = `via ${theirs.address} dev eth0`;
    const wanted = [`10.244.1.9 ${via} metric 512`, `192.0.2.0/24 ${via}`, 'blackhole 10.244.1.0/26'];
    await ourRoutes('the new way', (routes) => routes.join() === wanted.join());
    expect((await daemon.explain('10.244.1.9/32')).paths[1]?.verdict).toContain('metric');
    await daemon.apply(config(64512));
    await ourRoutes('without priorities', (routes) => routes.join() === wanted.slice(1).join());
  });

  it('is announced out of a block, with the LOCAL_PREF for its metric, until that is the usual one', async () => {
    ours.addLink('cali1');
    for (const [address, metric] of [
      ['10.244.1.9', '512'],
      ['10.244.1.8', '1024'],
      ['10.244.2.9', '512'],
      ['10.244.2.8', '1024'],
    ] as const)
      ours.ip('route', 'add', `${address}/32`, 'dev', 'cali1', 'proto', 'boot', 'metric', metric);
    bird = startBird(64512, []);
    await daemon.apply(moving());
    const shown = (): string => bird.birdc('show', 'route', 'all', 'protocol', 'ours');
    const preferences = (text: string): string =>
      [...text.matchAll(/^(10\.\S+)[^]*?local_pref: (\d+)/gm)]
        .map(([, prefix, preference]) => `${prefix} ${preference}`)
        .sort()
        .join();
    const rest = '10.244.1.0/26 100,10.244.1.9/32 2147483135,10.244.2.8/32 100';
    await until('their routes', shown, (text) => preferences(text) === `${rest},10.244.2.9/32 2147483135`);
    ours.ip('route', 'add', '10.244.2.9/32', 'dev', 'cali1', 'proto', 'boot', 'metric', '1024');
    ours.ip('route', 'del', '10.244.2.9/32', 'dev', 'cali1', 'metric', '512');
    await until('it has settled', shown, (text) => preferences(text) === `${rest},10.244.2.9/32 100`);
  });
});

describe('routes of an IPIP pool', () => {
  const tunnels = (...directWithin: string[]): bgpV1.BgpConfig =>
    config(64512, {
      kernel: bgpV1.KernelConfig.fromPartial({
        learn: true,
        program: true,
        announceWithin: ['10.244.0.0/16'],
        tunnels: [{ prefix: '10.244.0.0/16', interfaceName: 'tunl0', directWithin }],
      }),
    });

  it('lead into the tunnel device as soon as there is one, or past it where the next hop is near', async () => {
    bird = startBird(64512, ['10.244.2.0/26', '192.0.2.0/24']);
    await daemon.apply(tunnels());
    const outside = `192.0.2.0/24 via ${theirs.address} dev eth0`;
    await ourRoutes('a route outside the pool', (routes) => routes.includes(outside));
    expect(ours.routes('bird')).toEqual([outside, 'blackhole 10.244.1.0/26']);
    const tunnelled = `10.244.2.0/26 via ${theirs.address} dev tunl0 onlink`;
    // Not of the kind ipip: what counts here is its name.
    ours.addLink('tunl0');
    await ourRoutes('the tunnel', (routes) => routes.includes(tunnelled));
    await daemon.apply(tunnels('10.9.0.0/24'));
    await ourRoutes('the near one', (routes) => routes.includes(`10.244.2.0/26 via ${theirs.address} dev eth0`));
    await daemon.apply(tunnels('10.8.0.0/24'));
    await ourRoutes('the far one', (routes) => routes.includes(tunnelled));
    ours.ip('link', 'del', 'tunl0');
    await ourRoutes('no tunnel', (routes) => !routes.some((route) => route.startsWith('10.244.2.0')));
    expect(ours.routes('bird')).toEqual([outside, 'blackhole 10.244.1.0/26']);
  });
});

describe('routes of a VXLAN pool', () => {
  it("are Felix's to program, and who only routes through another node does not tell our AS of its block", async () => {
    bird = startBird(64512, ['10.244.2.0/26']);
    ours.addLink('cali1');
    ours.ip('route', 'add', '10.244.9.0/26', 'via', '10.9.0.9', 'proto', '80'); // past the tunnel: CrossSubnet
    ours.ip('route', 'add', '10.244.9.5/32', 'dev', 'cali1', 'proto', 'boot');
    const pool = ['10.244.0.0/16'];
    const kernel = { learn: true, program: true, announceWithin: pool, neverProgram: pool };
    await daemon.apply(config(64512, { kernel: bgpV1.KernelConfig.fromPartial(kernel) }));
    const shown = (): string => bird.birdc('show', 'route', 'protocol', 'ours');
    await until('the borrowed address', shown, (text) => text.includes('10.244.9.5/32'));
    await until(
      'their block',
      () => daemon.routes('10.244.2.0/26'),
      (routes) => routes.length === 1,
    );
    expect(shown()).not.toContain('10.244.9.0/26');
    expect(ours.routes('bird')).toEqual([]);
    const { exports } = await daemon.explain('10.244.9.0/26');
    expect(exports).toMatchObject([{ announced: false }]);
    expect(exports[0]?.reason).toContain('through another node');
  });
});

describe('an address for workloads to peer with', () => {
  it("is the node's own on any interface, until nobody needs it", async () => {
    theirs.ip('route', 'add', '169.254.0.179', 'via', ours.address);
    bird = new Bird(
      theirs,
      `router id ${theirs.address};
log stderr all;
protocol device { scan time 1; }
protocol static { ipv4; route 10.123.0.0/26 blackhole; }
protocol bgp node {
  local ${theirs.address} as 65401;
  neighbor 169.254.0.179 as 64512;
  multihop;
  connect retry time 1; connect delay time 1; error wait time 1, 2;
  ipv4 { import all; export where source = RTS_STATIC; };
}
`,
    );
    const kernel = bgpV1.KernelConfig.fromPartial({ learn: true, program: true, localAddresses: ['169.254.0.179'] });
    const whole = config(65401, { kernel });
    Object.assign(whole.neighbors[0]!, { passive: true, multihop: true });
    await daemon.apply(whole);
    await daemon.established();
    await ourRoutes('their route', (routes) => routes.includes(`10.123.0.0/26 via ${theirs.address} dev eth0`));
    expect(ours.routes('bird')).toContain('local 169.254.0.179 dev lo scope host');
    await daemon.apply(config(65401));
    await ourRoutes('its end', (routes) => !routes.some((route) => route.includes('169.254')));
  });
});

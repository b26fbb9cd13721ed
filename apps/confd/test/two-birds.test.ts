import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAsn, parseCidr } from '@calico-node/net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { renderBirdFiles } from '../src/bird/render-bird.ts';
import { configuration, filter, node, peer, pool, store, workload } from '../src/derive/fixtures.ts';
import type { BgpResources } from '../src/derive/resources.ts';
import { birdCommands } from '../src/files/bird-commands.ts';
import { FileDestination } from '../src/files/file-destination.ts';
import { BirdRig, until, type BirdNode } from './bird-rig.ts';

let rig: BirdRig;
let one: BirdNode;
let two: BirdNode;
const { signal } = new AbortController();

beforeEach(() => {
  rig = new BirdRig();
  one = rig.addNode();
  two = rig.addNode();
});

afterEach(async () => {
  await rig.close();
});

const nodes = [
  node('n1', { ipv4Address: '10.9.0.1/24', ipv6Address: 'fd09::1/64' }),
  node('n2', { ipv4Address: '10.9.0.2/24', ipv6Address: 'fd09::2/64' }),
];
const pools = [
  pool('workloads', { cidr: '10.65.0.0/16' }),
  pool('workloads6', { cidr: 'fd65::/48' }),
  pool('overlay', { cidr: '10.66.0.0/16', vxlanMode: 'Always' }),
  pool('internal', { cidr: '10.67.0.0/16', disableBGPExport: true }),
];
const blocksOf: Readonly<Record<string, readonly string[]>> = {
  n1: ['10.65.1.0/26', '10.66.1.0/26', 'fd65::100/122'],
  n2: ['10.65.2.0/26', 'fd65::200/122'],
};

/** Applies a node's files, as confd does; a BIRD that isn't there is not told. */
async function apply(name: string, host: BirdNode, resources: Partial<BgpResources>): Promise<void> {
  const blocks = (blocksOf[name] ?? []).map((cidr) => ({ cidr: parseCidr(cidr), state: 'confirmed' }));
  const { config } = renderBirdFiles(store({ nodes, pools, blocks, ...resources }), {
    nodeName: name,
    secretOf: () => 'open sesame',
  });
  const destination = new FileDestination(host.directory, birdCommands({ controlDir: host.directory }));
  await destination.apply(config, signal).catch((error: unknown) => {
    if (!String(error).includes('server control socket')) throw error;
  });
}

async function start(resources: Partial<BgpResources>): Promise<void> {
  await apply('n1', one, resources);
  await apply('n2', two, resources);
  for (const host of [one, two]) {
    host.start('bird');
    host.start('bird6');
  }
}

describe('two BIRDs with rendered files', () => {
  it('exchange what Calico exchanges, from kernel to kernel', async () => {
    one.addLink('cali1');
    one.ip('route', 'add', '10.65.1.5/32', 'dev', 'cali1', 'proto', 'boot'); // in its block: covered
    one.ip('route', 'add', '10.65.2.9/32', 'dev', 'cali1', 'proto', 'boot'); // borrowed from the other's
    one.ip('route', 'add', '10.67.0.5/32', 'dev', 'cali1', 'proto', 'boot'); // not to be exported
    one.ip('route', 'add', '10.66.9.0/26', 'via', '10.9.0.9', 'proto', '80'); // another's block, routed by Felix
    one.ip('route', 'add', '10.66.9.5/32', 'dev', 'cali1', 'proto', 'boot'); // borrowed from that
    one.ip('route', 'add', '172.16.0.0/16', 'dev', 'cali1', 'proto', 'static'); // not ours to tell
    one.ip('-6', 'route', 'add', 'fd65::109/128', 'dev', 'cali1', 'proto', 'boot');
    one.ip('-6', 'route', 'add', 'fd65::209/128', 'dev', 'cali1', 'proto', 'boot');
    await start({
      configurations: [
        configuration({
          communities: [{ name: 'pods', value: '65000:7' }],
          prefixAdvertisements: [{ cidr: '10.65.0.0/16', communities: ['pods', '65000:1:2'] }],
        }),
      ],
    });
    const v4 = 'via 10.9.0.1 dev eth0';
    const v6 = 'via fd09::1 dev eth0 metric 32 pref medium';
    const wanted = [
      `10.65.1.0/26 ${v4}`,
      `10.65.2.9 ${v4}`,
      'blackhole 10.65.2.0/26',
      'blackhole fd65::200/122 dev lo metric 32 pref medium',
      `fd65::100/122 ${v6}`,
      `fd65::209 ${v6}`,
    ].sort();
    await until(
      'kernel',
      () => two.routes('bird'),
      (routes) => routes.length >= wanted.length,
    );
    expect(two.routes('bird')).toEqual(wanted);
    // Felix programs the routes of VXLAN pools; BGP tells of them all the same, and not of the disabled pool's.
    const shown = two.birdc('bird', 'show', 'route', 'all', 'protocol', 'Mesh_10_9_0_1');
    expect(shown).toContain('10.66.1.0/26');
    expect(shown).toContain('10.66.9.5/32');
    expect(shown).not.toMatch(/10\.67\.|172\.16\.|10\.65\.1\.5|10\.66\.9\.0/);
    expect(shown).toContain('(65000,7)');
    expect(shown).toContain('(65000, 1, 2)');
    // Withdrawn where it comes from, it goes.
    one.ip('route', 'del', '10.65.2.9/32', 'dev', 'cali1');
    await until(
      'withdrawal',
      () => two.routes('bird'),
      (routes) => !routes.some((route) => route.startsWith('10.65.2.9 ')),
    );
  });

  it('take over what another daemon left in the kernel', async () => {
    two.ip('route', 'add', '10.65.1.0/26', 'via', '10.9.0.9', 'proto', 'bird'); // from before it was the other's
    two.ip('route', 'add', '10.65.7.0/26', 'via', '10.9.0.9', 'proto', 'bird'); // nobody's any more
    await start({});
    const wanted = ['10.65.1.0/26 via 10.9.0.1 dev eth0', 'blackhole 10.65.2.0/26'];
    await until(
      'kernel',
      () => two.routes('bird').filter((route) => !route.includes('fd65::')),
      (routes) => routes.join() === wanted.join(),
    );
  });

  it('send packets to where a workload has moved, while its old node still has a route of its own', async () => {
    one.addLink('cali1');
    one.ip('route', 'add', '10.65.1.5/32', 'dev', 'cali1', 'proto', 'boot', 'metric', '1024');
    two.addLink('cali1');
    two.ip('route', 'add', '10.65.1.5/32', 'dev', 'cali1', 'proto', 'boot', 'metric', '512');
    two.ip('route', 'add', '10.65.1.6/32', 'dev', 'cali1', 'proto', 'boot', 'metric', '1024');
    await start({});
    const moved = '10.65.1.5 via 10.9.0.2 dev eth0';
    const borrowed = '10.65.1.6 via 10.9.0.2 dev eth0';
    await until(
      'the new way',
      () => one.routes('bird'),
      (routes) => routes.includes(moved) && routes.includes(borrowed),
    );
    two.ip('route', 'add', '10.65.2.7/32', 'dev', 'cali1', 'proto', 'boot', 'metric', '100'); // within its block
    two.ip('route', 'add', '10.65.2.8/32', 'dev', 'cali1', 'proto', 'boot', 'metric', '1024');
    await until(
      'one in the block',
      () => one.routes('bird'),
      (routes) => routes.includes('10.65.2.7 via 10.9.0.2 dev eth0'),
    );
    expect(one.routes('bird').join()).not.toContain('10.65.2.8');
    // From a block of neither: the old node tells of the address itself, until it hears of the new one.
    one.ip('route', 'add', '10.65.9.5/32', 'dev', 'cali1', 'proto', 'boot', 'metric', '1024');
    const stale = '10.65.9.5 via 10.9.0.1 dev eth0';
    await until(
      'the old way',
      () => two.routes('bird'),
      (routes) => routes.includes(stale),
    );
    two.ip('route', 'add', '10.65.9.5/32', 'dev', 'cali1', 'proto', 'boot', 'metric', '512');
    await until(
      'the new way of an address of no block',
      () => one.routes('bird'),
      (routes) => routes.includes('10.65.9.5 via 10.9.0.2 dev eth0'),
    );
    await until(
      'that the old way has gone',
      () => two.routes('bird'),
      (routes) => !routes.includes(stale),
    );
  });

  it('of different AS numbers, with passwords, on their own address and port, obey filters; changing these leaves the session up', async () => {
    const isolated = [
      node('n1', { ipv4Address: '10.9.0.1/24' }),
      node('n2', { ipv4Address: '10.9.0.2/24', asNumber: parseAsn(64999) }),
    ];
    const password = { secretKeyRef: { name: 'bgp', key: 'between' } };
    const peers = [
      peer('out', {
        node: 'n1',
        peerIP: '10.9.0.2:1790',
        asNumber: parseAsn(64999),
        filters: ['some'],
        reversePeering: 'Manual',
        ttlSecurity: 1,
        password,
      }),
      peer('back', {
        node: 'n2',
        peerIP: '10.9.0.1:1790',
        asNumber: parseAsn(64512),
        filters: ['urgent'],
        reversePeering: 'Manual',
        ttlSecurity: 1,
        password,
      }),
    ];
    const configurations = [configuration({ nodeToNodeMeshEnabled: false, bindMode: 'NodeIP', listenPort: 1790 })];
    const resources = { nodes: isolated, peers, configurations };
    const only = (cidr: string): Partial<BgpResources> => ({
      ...resources,
      filters: [
        filter('some', {
          exportV4: [
            {
              action: 'Accept',
              matchOperator: 'In',
              cidr,
              prefixLength: { min: 26 },
              peerType: 'eBGP',
              priority: 1024,
              operations: [{ prependASPath: { prefix: [parseAsn(65010), parseAsn(65011)] } }],
            },
            { action: 'Reject' },
          ],
        }),
        filter('urgent', {
          importV4: [
            { action: 'Reject', priority: 512 },
            {
              action: 'Accept',
              matchOperator: 'In',
              cidr: '10.65.0.0/16',
              operations: [{ setPriority: { value: 512 } }],
            },
          ],
        }),
      ],
    });
    await start(only('10.66.0.0/16'));
    const received = (): string => two.birdc('bird', 'show', 'route', 'all', 'protocol', 'Node_10_9_0_1_port_1790');
    const first = await until('route', received, (text) => text.includes('10.66.1.0/26'));
    expect(first).toMatch(/as_path: 64512 65010 65011\s/);
    expect(first).not.toContain('10.65.');
    const before = one.connections(1790);
    expect(before).not.toBe('');
    await apply('n1', one, only('10.65.0.0/16'));
    const second = await until('route', received, (text) => text.includes('10.65.1.0/26'));
    expect(second).not.toContain('10.66.');
    await until(
      'their kernel',
      () => two.routes('bird'),
      (routes) => routes.includes('10.65.1.0/26 via 10.9.0.1 dev eth0 metric 512'),
    );
    expect(two.routes('bird')).toContain('blackhole 10.65.2.0/26');
    expect(one.connections(1790)).toBe(before);
  });

  it.each(['NodeIP', 'None'] as const)(
    'a workload peers with its node, at its address on the interface: %s',
    async (bindMode) => {
      one.ip('link', 'add', 'calirouter', 'type', 'veth', 'peer', 'name', 'eth1', 'netns', two.namespace);
      one.ip('link', 'set', 'calirouter', 'up');
      one.ip('address', 'add', '169.254.0.179/32', 'dev', 'calirouter', 'scope', 'link');
      one.ip('route', 'add', '10.65.1.9/32', 'dev', 'calirouter');
      two.ip('link', 'set', 'eth1', 'up');
      two.ip('address', 'add', '10.65.1.9/32', 'dev', 'eth1');
      two.ip('route', 'add', '169.254.0.179/32', 'dev', 'eth1', 'src', '10.65.1.9');
      await apply('n1', one, {
        configurations: [
          configuration({ nodeToNodeMeshEnabled: false, localWorkloadPeeringIPV4: '169.254.0.179', bindMode }),
        ],
        workloads: [workload('router', { role: 'router' }, '10.65.1.9/32')],
        peers: [peer('routers', { localWorkloadSelector: 'has(role)', asNumber: parseAsn(65401) })],
      });
      const router = `router id 10.65.1.9;
      protocol device {}
      protocol static { ipv4; route 10.123.0.0/26 blackhole; }
      protocol bgp node {
        local 10.65.1.9 as 65401;
        neighbor 169.254.0.179 as 64512;
        multihop;
        ipv4 { import all; export all; };
      }`;
      writeFileSync(join(two.directory, 'bird.cfg'), router);
      for (const host of [one, two]) host.start('bird');
      await until(
        'its route in our kernel',
        () => one.routes('bird'),
        (routes) => routes.some((route) => route.startsWith('10.123.0.0/26 via 10.65.1.9 dev calirouter')),
      );
      await until(
        "the node's block there",
        () => two.birdc('bird', 'show', 'route'),
        (text) => text.includes('10.65.1.0/26'),
      );
    },
  );
});

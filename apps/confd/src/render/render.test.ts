import { parseAsn } from '@calico-node/net';
import { bgpV1 } from '@calico-node/rpc';
import { describe, expect, it } from 'vitest';
import { birdCases } from '../bird/cases.ts';
import { block, configuration, filter, node, peer, pool, store, threeNodes } from '../derive/fixtures.ts';
import { goldenText } from './golden.ts';
import { renderBgpConfig } from './render.ts';
import type { BgpResources } from '../derive/resources.ts';

function render(resources: Partial<BgpResources>, nodeName = 'n2'): string {
  return goldenText(renderBgpConfig(store(resources), { nodeName }));
}

const workloads = pool('workloads', { cidr: '10.65.0.0/16', natOutgoing: true });

describe('the mesh', () => {
  it('connects to smaller addresses and waits for greater ones', async () => {
    const blocks = [block('10.65.1.64/26'), block('10.65.0.0/26'), block('10.65.9.0/26', 'pending')];
    await expect(render({ nodes: threeNodes, pools: [workloads], blocks })).toMatchFileSnapshot('golden/mesh.txt');
  });

  it('spans both families, each with its own session', async () => {
    const nodes = [
      node('n1', { ipv4Address: '10.0.0.1/24', ipv6Address: 'fd00::1/64' }),
      node('n2', { ipv4Address: '10.0.0.2/24', ipv6Address: 'fd00::2/64' }),
      node('n3', { ipv6Address: 'fd00::3/64', asNumber: parseAsn(64600) }),
    ];
    await expect(render({ nodes })).toMatchFileSnapshot('golden/mesh-dual-stack.txt');
  });

  it('compares addresses as text, as BIRD and its templates do', () => {
    const nodes = [node('a', { ipv4Address: '10.0.0.10/24' }), node('b', { ipv4Address: '10.0.0.9/24' })];
    expect(render({ nodes }, 'a')).toContain('passive');
    expect(render({ nodes }, 'b')).not.toContain('passive');
  });

  it('is off when the default configuration says so', () => {
    const configurations = [configuration({ nodeToNodeMeshEnabled: false })];
    expect(render({ nodes: threeNodes, configurations })).not.toContain('neighbors');
  });

  it('leaves out reflectors, and a reflector has none', () => {
    const nodes = [...threeNodes, node('rr', { ipv4Address: '10.0.0.9/24', routeReflectorClusterID: '244.0.0.1' })];
    expect(render({ nodes })).not.toContain('10_0_0_9');
    expect(render({ nodes }, 'rr')).not.toContain('neighbors');
  });

  it('uses the ports, AS numbers and restart time of the configurations', async () => {
    const nodes = [...threeNodes, node('n4', { ipv4Address: '10.0.0.4/24', asNumber: parseAsn(64999) })];
    const configurations = [
      configuration({
        asNumber: parseAsn(64600),
        listenPort: 1179,
        logSeverityScreen: 'Debug',
        nodeMeshMaxRestartTime: '2m30s',
        ignoredInterfaces: ['docker*'],
      }),
      configuration({ listenPort: 2179, bindMode: 'NodeIP', logSeverityScreen: 'Warning' }, 'node.n2'),
      configuration({ listenPort: 3179 }, 'node.n3'),
    ];
    await expect(render({ nodes, configurations })).toMatchFileSnapshot('golden/mesh-configured.txt');
  });
});

describe('a node without a BGP address', () => {
  it('has no session, and nobody has one with it', async () => {
    const nodes = [...threeNodes, node('bare')];
    const peers = [peer('tor', { peerIP: '192.0.2.1', asNumber: parseAsn(65000) })];
    await expect(render({ nodes, peers, pools: [workloads] }, 'bare')).toMatchFileSnapshot('golden/no-address.txt');
    expect(render({ nodes })).toBe(render({ nodes: threeNodes }));
  });

  it('renders alike when the store does not have it at all', () => {
    expect(render({}, 'ghost')).toBe(render({ nodes: [node('ghost')] }, 'ghost'));
  });
});

describe('route reflectors', () => {
  const nodes = [
    ...threeNodes,
    node('rr1', { ipv4Address: '10.0.0.8/24', routeReflectorClusterID: '244.0.0.1' }, { rr: 'yes' }),
    node('rr2', { ipv4Address: '10.0.0.9/24', routeReflectorClusterID: '244.0.0.1' }, { rr: 'yes' }),
  ];
  const peers = [
    peer('clients-to-reflectors', { nodeSelector: '!has(rr)', peerSelector: 'has(rr)' }),
    peer('reflectors', { nodeSelector: 'has(rr)', peerSelector: 'has(rr)' }),
  ];
  const configurations = [configuration({ nodeToNodeMeshEnabled: false })];

  it('reflect to clients, which they peer with in return, and not to their own cluster', async () => {
    await expect(render({ nodes, peers, configurations }, 'rr1')).toMatchFileSnapshot('golden/reflector.txt');
  });

  it('are all that a client peers with', async () => {
    await expect(render({ nodes, peers, configurations }, 'n1')).toMatchFileSnapshot('golden/reflector-client.txt');
  });

  it('are not peered with in return when reversePeering is Manual', () => {
    const manual = [
      peer('clients-to-reflectors', { nodeSelector: '!has(rr)', peerSelector: 'has(rr)', reversePeering: 'Manual' }),
    ];
    expect(render({ nodes, peers: manual, configurations }, 'rr1')).not.toContain('neighbors');
    expect(render({ nodes, peers: manual, configurations }, 'n1')).toContain('Node_10_0_0_8');
  });
});

describe('BGPPeers', () => {
  it('make a global eBGP session with everything that one can set', async () => {
    const peers = [
      peer('tor', {
        peerIP: '192.0.2.1:1790',
        asNumber: parseAsn(65001),
        localASNumber: parseAsn(65100),
        nextHopMode: 'Self',
        sourceAddress: 'None',
        maxRestartTime: '90s',
        ttlSecurity: 1,
        numAllowedLocalASNumbers: 2,
        reachableBy: '10.0.0.254',
        filters: ['only-pools', 'missing'],
      }),
    ];
    const filters = [
      filter('only-pools', {
        exportV4: [
          { action: 'Accept', matchOperator: 'In', cidr: '10.65.0.0/16', prefixLength: { min: 16, max: 26 } },
          { action: 'Reject' },
        ],
        importV6: [
          { action: 'Reject', source: 'RemotePeers', interface: 'eth*', matchOperator: 'NotEqual', cidr: 'fd00::/8' },
        ],
      }),
      filter('unused', { exportV4: [{ action: 'Reject' }] }),
    ];
    await expect(render({ nodes: threeNodes.slice(1, 2), peers, filters })).toMatchFileSnapshot(
      'golden/global-ebgp.txt',
    );
  });

  it('go by node selector, with a global session for the same address first', async () => {
    const nodes = [
      node('n1', { ipv4Address: '10.0.0.1/24' }, { rack: 'a' }),
      node('n2', { ipv4Address: '10.0.0.2/24' }, { rack: 'b' }),
    ];
    const peers = [
      peer('rack-a', { nodeSelector: "rack == 'a'", peerIP: '192.0.2.1', asNumber: parseAsn(65001) }),
      peer('rack-b', {
        nodeSelector: "rack == 'b'",
        peerIP: '192.0.2.2',
        asNumber: parseAsn(65002),
        keepOriginalNextHop: true,
      }),
      peer('rack-b-again', { nodeSelector: 'has(rack)', peerIP: '192.0.2.3', asNumber: parseAsn(65009) }),
      peer('for-all', { peerIP: '192.0.2.3', asNumber: parseAsn(65003) }),
      peer('by-name', { node: 'n2', peerIP: '[2001:db8::1]:179', asNumber: parseAsn(65004) }),
    ];
    await expect(render({ nodes, peers })).toMatchFileSnapshot('golden/node-selector.txt');
  });

  it('that name a node by its address make that node peer back, in place of the mesh session', () => {
    const peers = [peer('n1-to-n2', { node: 'n1', peerIP: '10.0.0.2' })];
    expect(render({ nodes: threeNodes, peers }, 'n2')).toContain('name=Node_10_0_0_1 ');
    expect(render({ nodes: threeNodes, peers }, 'n2')).not.toContain('name=Mesh_10_0_0_1 ');
    expect(render({ nodes: threeNodes, peers }, 'n1')).toContain('name=Node_10_0_0_2 ');
    expect(render({ nodes: threeNodes, peers }, 'n3')).not.toContain('name=Node_');
  });

  it('with a selector that cannot be read are left out, with the reason', () => {
    const peers = [peer('bad', { nodeSelector: 'has(', peerIP: '192.0.2.1', asNumber: parseAsn(65001) })];
    const text = render({ nodes: threeNodes, peers });
    expect(text).toMatch(/! BGPPeer\(bad\): selector "has\("/);
    expect(text).not.toContain('192_0_2_1');
  });
});

describe('the cases that BIRD is tested with', () => {
  it.each(birdCases)('have the native form that is golden: $name', async ({ name, resources, options }) => {
    await expect(goldenText(renderBgpConfig(resources, options))).toMatchFileSnapshot(`golden/cases/${name}.txt`);
  });
});

describe('filters with rules for one kind of peer', () => {
  it('reach each session in the form for its kind', () => {
    const filters = [
      filter('kinds', {
        importV4: [{ action: 'Accept', peerType: 'iBGP' }, { action: 'Reject' }],
        exportV4: [{ action: 'Reject', peerType: 'eBGP' }],
      }),
    ];
    const peers = [
      peer('inside', { peerIP: '192.0.2.1', filters: ['kinds'] }),
      peer('outside', { peerIP: '192.0.2.2', asNumber: parseAsn(65001), filters: ['kinds'] }),
    ];
    const { config } = renderBgpConfig(store({ nodes: threeNodes.slice(1, 2), peers, filters }), { nodeName: 'n2' });
    expect(config.filters.map(({ name, rules }) => [name, rules.length])).toEqual([
      ['kinds.import.iBGP', 2],
      ['kinds.import.eBGP', 1],
      ['kinds.export.eBGP', 1],
    ]);
    expect(config.neighbors.map(({ importFilters, exportFilters }) => [importFilters, exportFilters])).toEqual([
      [['kinds.import.iBGP'], []],
      [['kinds.import.eBGP'], ['kinds.export.eBGP']],
    ]);
  });
});

describe('prefixes', () => {
  it('follow pools, service ranges and communities', async () => {
    const configurations = [
      configuration({
        serviceClusterIPs: [{ cidr: '10.96.0.0/12' }],
        serviceExternalIPs: [{ cidr: '198.51.100.7/32' }, { cidr: '198.51.100.128/25' }],
        communities: [{ name: 'pods', value: '65000:1' }],
        prefixAdvertisements: [{ cidr: '10.65.0.0/16', communities: ['pods', '65000:2:3'] }],
      }),
    ];
    const pools = [
      workloads,
      pool('tunnelled', { cidr: '10.66.0.0/16', vxlanMode: 'CrossSubnet' }),
      pool('internal', { cidr: '10.67.0.0/16', disableBGPExport: true }),
      pool('old', { cidr: '10.68.0.0/16', disabled: true, ipipMode: 'Always' }),
    ];
    await expect(render({ nodes: threeNodes.slice(0, 1), configurations, pools }, 'n1')).toMatchFileSnapshot(
      'golden/prefixes.txt',
    );
  });
});

describe('rendering', () => {
  it('does not depend on the order in which the store gives its resources', () => {
    const resources = {
      nodes: threeNodes,
      peers: [
        peer('a', { peerIP: '192.0.2.1', asNumber: parseAsn(65001) }),
        peer('b', { nodeSelector: 'all()', peerIP: '192.0.2.2', asNumber: parseAsn(65001) }),
      ],
      pools: [workloads, pool('other', { cidr: '10.70.0.0/16' })],
      blocks: [block('10.65.1.0/26'), block('10.65.0.0/26')],
    };
    const reversed = Object.fromEntries(Object.entries(resources).map(([kind, items]) => [kind, items.toReversed()]));
    const encode = (input: Partial<BgpResources>): Uint8Array =>
      bgpV1.BgpConfig.encode(renderBgpConfig(store(input), { nodeName: 'n1' }).config).finish();
    expect(encode(reversed)).toEqual(encode(resources));
  });

  it("derives the router ID of 'hash' from the node's name as Calico does", () => {
    const { config } = renderBgpConfig(store({}), { nodeName: 'kube-master', routerId: 'hash' });
    expect(config.routerId).toBe('25.79.212.8');
  });
});

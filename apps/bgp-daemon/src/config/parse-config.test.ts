import { parseIp } from '@calico-node/net';
import { bgpV1 } from '@calico-node/rpc';
import { describe, expect, it } from 'vitest';
import { configFromJson, configToJson } from './config-json.ts';
import { parseConfig } from './parse-config.ts';

const base = (): bgpV1.BgpConfig =>
  bgpV1.BgpConfig.fromPartial({
    routerId: '10.0.0.1',
    localAs: 64512,
    neighbors: [{ name: 'a', address: '10.0.0.2', remoteAs: 64512, importFilters: ['f'] }],
    filters: [
      {
        name: 'f',
        rules: [
          { family: 4, cidr: '10.0.0.0/8', matchOperator: bgpV1.MatchOperator.IN, action: bgpV1.FilterAction.REJECT },
        ],
      },
    ],
    staticRoutes: [{ prefix: '10.244.1.0/26', suppressSpecifics: true }, { prefix: '10.96.0.0/12' }],
    prefixCommunities: [{ prefix: '10.244.0.0/16', communities: ['1:2', '1:2:3'] }],
  });

const dynamic = (template?: Partial<bgpV1.Neighbor>): bgpV1.DynamicNeighbor =>
  bgpV1.DynamicNeighbor.fromPartial({ prefix: '10.1.0.0/16', ...(template === undefined ? {} : { template }) });

describe('the configuration', () => {
  it('fills in what may be left out', () => {
    const config = parseConfig(base());
    expect(config).toMatchObject({ routerId: 0x0a000001, listenPort: 179, listenAddresses: [] });
    expect(config.neighbors[0]).toMatchObject({
      port: 179,
      localAs: 64512,
      holdSeconds: 90,
      restartSeconds: 120,
      clusterId: 0x0a000001,
      nextHopMode: 'auto',
      passive: false,
    });
    expect(config.announce.aggregates.networks).toEqual(['10.244.1.0/26']);
    expect(config.announce.originated.networks).toEqual(['10.96.0.0/12']);
    expect(config.prefixCommunities).toEqual([
      {
        prefix: '10.244.0.0/16',
        additions: [
          { kind: 'add-community', community: { kind: 'standard', value: 65538 } },
          { kind: 'add-community', community: { kind: 'large', value: [1, 2, 3] } },
        ],
      },
    ]);
  });

  it('takes all that a filter rule can ask and change', () => {
    const config = base();
    const rule = bgpV1.FilterRule.fromPartial({
      family: 6,
      action: bgpV1.FilterAction.ACCEPT,
      communities: ['1:2'],
      asPathPrefix: [65001],
      priority: 512,
      operations: [{ addCommunity: '1:2:3' }, { prependAsPath: [65002] }, { setPriority: 9 }],
    });
    config.filters[0]!.rules.push(rule);
    expect(parseConfig(config).filters.get('f')?.rules[1]).toMatchObject({
      communities: [{ kind: 'standard', value: 65538 }],
      asPathPrefix: [65001],
      priority: 512,
      operations: [
        { kind: 'add-community', community: { kind: 'large', value: [1, 2, 3] } },
        { kind: 'prepend-as-path', asns: [65002] },
        { kind: 'set-priority', priority: 9 },
      ],
    });
  });

  it('takes what a session may do beyond the usual, with defaults', () => {
    const config = parseConfig(
      bgpV1.BgpConfig.fromPartial({
        ...base(),
        dampening: {},
        logLevel: bgpV1.LogLevel.DEBUG,
        dynamicNeighbors: [dynamic({ remoteAs: 7, holdSeconds: 300 })],
        neighbors: [
          { name: 'b', address: 'fd00::2', remoteAs: 1, families: [6, 4], maxPrefixes: 9, role: bgpV1.Role.CUSTOMER },
        ],
      }),
    );
    expect(config).toMatchObject({
      dampening: { flaps: 3, stableSeconds: 60, maximumSeconds: 300 },
      logLevel: 'debug',
      kernel: { maxPaths: 16 },
    });
    expect(config.neighbors[0]).toMatchObject({
      families: [4, 6],
      prefixLimit: { prefixes: 9, action: 'restart', restartSeconds: 300 },
      sendHoldSeconds: 480,
      role: { role: 'customer', strict: false },
    });
    const address = parseIp('10.1.2.3');
    expect(config.dynamicNeighbors[0]?.configOf({ address })).toMatchObject({
      name: 'dynamic_10.1.2.3',
      address,
      passive: true,
      sendHoldSeconds: 600,
    });
  });

  it('takes link-local addresses with their interface, in either form, and networks of them', () => {
    const near = { remoteAs: 1 };
    const config = parseConfig(
      bgpV1.BgpConfig.fromPartial({
        ...base(),
        neighbors: [
          { ...near, name: 'a', address: 'fe80::1%eth0' },
          { ...near, name: 'b', address: 'fe80::1', interfaceName: 'eth1' },
        ],
        dynamicNeighbors: [{ prefix: 'fe80::/10', template: { ...near, interfaceName: 'eth2' } }],
      }),
    );
    const address = parseIp('fe80::1');
    expect(config.neighbors).toMatchObject([
      { address, interfaceName: 'eth0', families: [6] },
      { address, interfaceName: 'eth1' },
    ]);
    const [range] = config.dynamicNeighbors;
    expect(range).toMatchObject({ interfaceName: 'eth2', takesLinkLocal: true });
    expect(range?.configOf({ address, interfaceName: 'eth2' })).toMatchObject({
      name: 'dynamic_fe80::1%eth2',
      address,
      interfaceName: 'eth2',
      passive: true,
    });
  });

  it.each<readonly [string, (config: bgpV1.BgpConfig) => void]>([
    [
      'neighbors[0].address: is link-local, and needs its interface (fe80::1%eth0)',
      (c) => (c.neighbors[0]!.address = 'fe80::1'),
    ],
    [
      'neighbors[0].address: has an interface, which is for link-local addresses',
      (c) => (c.neighbors[0]!.interfaceName = 'eth0'),
    ],
    [
      'neighbors[0].address: is on eth0, but the interface is eth1',
      (c) => Object.assign(c.neighbors[0]!, { address: 'fe80::1%eth0', interfaceName: 'eth1' }),
    ],
    [
      'neighbors[0].address: is link-local, and so no more than one hop away',
      (c) => Object.assign(c.neighbors[0]!, { address: 'fe80::1%eth0', multihop: true }),
    ],
    ["router_id: 'x' is not a dotted quad", (c) => (c.routerId = 'x')],
    ['router_id: must not be 0.0.0.0', (c) => (c.routerId = '0.0.0.0')],
    ['local_as: must be an AS number from 1 to 4294967295', (c) => (c.localAs = 0)],
    ['listen_port: 70000 is not a port', (c) => (c.listenPort = 70000)],
    ["neighbors[0].address: '10.0.0' is not an IP address", (c) => (c.neighbors[0]!.address = '10.0.0')],
    ['neighbors[0].hold_seconds: must be from 3 to 65535', (c) => (c.neighbors[0]!.holdSeconds = 2)],
    ["neighbors[0].import_filters[0]: there is no filter 'g'", (c) => (c.neighbors[0]!.importFilters = ['g'])],
    [
      'neighbors[0].source_address: is of another family than the address',
      (c) => (c.neighbors[0]!.sourceAddress = '::1'),
    ],
    ['neighbors[0].families[1]: IPv6 needs a session over IPv6', (c) => (c.neighbors[0]!.families = [4, 6])],
    ['neighbors[0].families[0]: must be 4 or 6', (c) => (c.neighbors[0]!.families = [5])],
    ['neighbors[0].role: is for a peer in another AS', (c) => (c.neighbors[0]!.role = bgpV1.Role.PEER)],
    [
      'neighbors[0].route_server_client: is for a peer in another AS',
      (c) => Object.assign(c.neighbors[0]!, { routeServerClient: true, routeReflectorClient: false }),
    ],
    [
      'neighbors[0].route_reflector_client: is for a peer in our AS',
      (c) => Object.assign(c.neighbors[0]!, { routeReflectorClient: true, remoteAs: 7 }),
    ],
    ['neighbors[0].long_lived_seconds: must be at most', (c) => (c.neighbors[0]!.longLivedSeconds = 1 << 24)],
    ['dynamic_neighbors[0].template: is missing', (c) => c.dynamicNeighbors.push(dynamic())],
    [
      'dynamic_neighbors[0].template.remote_as: must be an AS number',
      (c) => c.dynamicNeighbors.push(dynamic({ remoteAs: 0 })),
    ],
    [
      'dynamic_neighbors[0].template.address: is the address that a peer has',
      (c) => c.dynamicNeighbors.push(dynamic({ remoteAs: 1, address: '10.1.0.1' })),
    ],
    ["neighbors[1].name: 'a' is there twice", (c) => c.neighbors.push(c.neighbors[0]!)],
    ['neighbors[0].password: is longer than 80 octets', (c) => (c.neighbors[0]!.password = 'é'.repeat(41))],
    [
      "static_routes[0].prefix: '10.0.0.1/8' is not a prefix like 10.0.0.0/26",
      (c) => (c.staticRoutes[0]!.prefix = '10.0.0.1/8'),
    ],
    ['filters[0].rules[0].family: must be 4 or 6', (c) => (c.filters[0]!.rules[0]!.family = 5)],
    ['filters[0].rules[0].match_operator: is needed with a cidr', (c) => (c.filters[0]!.rules[0]!.matchOperator = 0)],
    [
      'filters[0].rules[0].operations: are only possible with accept',
      (c) => c.filters[0]!.rules[0]!.operations.push(bgpV1.FilterOperation.fromPartial({ setPriority: 1 })),
    ],
    [
      'filters[0].rules[1].operations[0]: needs exactly one of add_community, prepend_as_path and set_priority',
      (c) => c.filters[0]!.rules.push(bgpV1.FilterRule.fromPartial({ family: 4, action: 1, operations: [{}] })),
    ],
    [
      'filters[0].rules[0].as_path_prefix[0]: must be an AS number',
      (c) => c.filters[0]!.rules[0]!.asPathPrefix.push(0),
    ],
    [
      "prefix_communities[0].communities[1]: '1:2:x' is neither a:b nor a:b:c",
      (c) => (c.prefixCommunities[0]!.communities[1] = '1:2:x'),
    ],
  ])('is refused with the place and the reason: %s', (message, change) => {
    const config = base();
    change(config);
    expect(() => parseConfig(config)).toThrow(message);
  });

  it('survives a file', () => {
    expect(configFromJson(configToJson(base()))).toEqual(base());
  });

  it('may name enumerations in a file, and may not have unknown fields there', () => {
    const json = '{"neighbors": [{"name": "a", "type": "NODE_MESH"}]}';
    expect(configFromJson(json).neighbors[0]?.type).toBe(bgpV1.PeerType.NODE_MESH);
    expect(() => configFromJson('{"neighbors": [{"nmae": "a"}]}')).toThrow('neighbors[0].nmae: there is no such field');
    expect(() => configFromJson('{"localAs": "1"}')).toThrow('localAs: must be a whole number, not negative');
    expect(() => configFromJson('{"neighbors": [{"type": "MESH"}]}')).toThrow('neighbors[0].type: must be one of');
  });
});

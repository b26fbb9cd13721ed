import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { felixStatusKey } from '@calico-node/model';
import { parseNodeName } from '@calico-node/net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ParameterName } from '../src/config/parameters.ts';
import type { FelixProcess } from './support/felix-process.ts';
import { runIn } from './support/node-lab.ts';
import { StoreLab } from './support/store-lab.ts';

/** Values that no default is, by parameter. */
type Settings = Partial<Record<ParameterName, string>>;

const settings: Settings = {
  InterfacePrefix: 'cali,lxc',
  DefaultEndpointToHostAction: 'ACCEPT',
  DisableConntrackInvalidCheck: 'true',
  WorkloadSourceSpoofing: 'Any',
  AllowVXLANPacketsFromWorkloads: 'true',
  AllowIPIPPacketsFromWorkloads: 'true',
  LogPrefix: 'seen',
  LogActionRateLimit: '10/minute',
  LogActionRateLimitBurst: '7',
  FailsafeInboundHostPorts: 'tcp:2222,udp:6868',
  FailsafeOutboundHostPorts: 'tcp:7979',
  ServiceLoopPrevention: 'Reject',
  FloatingIPs: 'Enabled',
  IstioAmbientMode: 'Enabled',
  IstioDSCPMark: 'AF11',
  NATOutgoingExclusions: 'IPPoolsAndHostIPs',
  NATOutgoingAddress: '172.16.0.9',
  NATPortRange: '32000:33000',
  IptablesNATOutgoingInterfaceFilter: 'eth0',
  FeatureDetectOverride: 'SNATFullyRandom=false',
  ExternalNodesCIDRList: '192.0.2.128/25',
  VXLANEnabled: 'true',
  VXLANPort: '4790',
  VXLANVNI: '5000',
  VXLANMTU: '1311',
  VXLANMTUV6: '1301',
  IPv4VXLANTunnelAddr: '10.65.1.1',
  IPv6VXLANTunnelAddr: 'fd65::101',
  VXLANTunnelMACAddr: '66:00:00:00:00:11',
  VXLANTunnelMACAddrV6: '66:00:00:00:00:12',
  DeviceRouteProtocol: '77',
  DeviceRouteSourceAddress: '172.16.0.1',
  DeviceRouteSourceAddressIPv6: 'fd16::1',
  IPv4NormalRoutePriority: '500',
  IPv6NormalRoutePriority: '501',
  RemoveExternalRoutes: 'false',
  RouteSource: 'WorkloadIPs',
  ProgramClusterRoutes: 'EnabledNoEncapOnly',
  IPForwarding: 'Disabled',
  MTUIfacePattern: '^eth0$',
  RequireMTUFile: 'true',
  EndpointReportingEnabled: 'true',
  ReportingTTLSecs: '600',
  OpenstackRegion: 'north',
  ReportingIntervalSecs: '1',
  HealthEnabled: 'true',
  HealthHost: '127.0.0.1',
  HealthPort: '9098',
  PrometheusMetricsEnabled: 'true',
  PrometheusMetricsHost: '127.0.0.1',
  PrometheusMetricsPort: '9097',
  PrometheusGoMetricsEnabled: 'false',
  PrometheusProcessMetricsEnabled: 'false',
};

const ofFilter: Readonly<Record<string, Settings>> = {
  nftables: {
    NFTablesMode: 'Enabled',
    NftablesFilterAllowAction: 'RETURN',
    NftablesMangleAllowAction: 'RETURN',
    NftablesFilterDenyAction: 'REJECT',
    NftablesMarkMask: '0x0ff00000',
  },
  iptables: {
    NFTablesMode: 'Disabled',
    IptablesBackend: 'nft',
    ChainInsertMode: 'append',
    IptablesFilterAllowAction: 'RETURN',
    IptablesMangleAllowAction: 'RETURN',
    IptablesFilterDenyAction: 'REJECT',
    IptablesMarkMask: '0x0ff00000',
    MaxIpsetSize: '5000',
  },
};

/** What shows that parameters act: a place to look at, and what is there, or in the rules of either packet filter. */
interface Sign {
  readonly of: readonly ParameterName[];
  readonly in: keyof Places;
  readonly is: RegExp | { readonly nftables?: RegExp; readonly iptables?: RegExp };
  /** It is there by default, and must not be. */
  readonly isMissing?: true;
}

interface Places {
  rules(): string;
  links(): string;
  routes(): string;
  sysctls(): string;
  /** Our own files. */
  files(): string;
  /** What the store has of this node's state. */
  store(): Promise<string>;
  health(): string;
  metrics(): string;
}

const signs: readonly Sign[] = [
  {
    of: ['InterfacePrefix'],
    in: 'rules',
    is: {
      nftables: /iifname "lxc\*" jump filter-cali-from-wl-dispatch/,
      iptables: /-i lxc\+ .*-j cali-from-wl-dispatch/,
    },
  },
  {
    of: ['DefaultEndpointToHostAction'],
    in: 'rules',
    is: {
      nftables: /accept comment ".*DefaultEndpointToHostAction"/,
      iptables: /DefaultEndpointToHostAction" -j ACCEPT/,
    },
  },
  { of: ['DisableConntrackInvalidCheck'], in: 'rules', is: /ct ?state invalid/i, isMissing: true },
  {
    of: ['WorkloadSourceSpoofing'],
    in: 'rules',
    is: {
      nftables: /iifname "calib" ip saddr 192\.0\.2\.0\/24 .*accept/,
      iptables: /-s 192\.0\.2\.0\/24 -i calib .*-j ACCEPT/,
    },
  },
  { of: ['AllowVXLANPacketsFromWorkloads'], in: 'rules', is: /VXLAN encapped packets originating/i, isMissing: true },
  { of: ['AllowIPIPPacketsFromWorkloads'], in: 'rules', is: /IPinIP encapped packets originating/i, isMissing: true },
  {
    of: ['LogPrefix', 'LogActionRateLimit', 'LogActionRateLimitBurst'],
    in: 'rules',
    is: {
      nftables: /limit rate 10\/minute burst 7 packets .*log prefix "seen: "/,
      iptables: /--limit 10\/min --limit-burst 7 -j LOG --log-prefix "seen: "/,
    },
  },
  {
    of: ['FailsafeInboundHostPorts'],
    in: 'rules',
    is: {
      nftables: /failsafe-in {\s+tcp dport 2222 [^\n]*\s+udp dport 6868/,
      iptables: /failsafe-in -p udp .*--dports 6868/,
    },
  },
  {
    of: ['FailsafeOutboundHostPorts'],
    in: 'rules',
    is: { nftables: /failsafe-out {\s+tcp dport 7979/, iptables: /failsafe-out -p tcp .*--dports 7979/ },
  },
  {
    of: ['ServiceLoopPrevention'],
    in: 'rules',
    is: { nftables: /ip daddr 10\.96\.0\.0\/12 .*reject/, iptables: /cali-cidr-block -d 10\.96\.0\.0\/12 .*-j REJECT/ },
  },
  {
    of: ['FloatingIPs'],
    in: 'rules',
    is: {
      nftables: /ip daddr 203\.0\.113\.7 .*dnat to 10\.65\.0\.1/,
      iptables: /-d 203\.0\.113\.7\/32 .*--to-destination 10\.65\.0\.1/,
    },
  },
  {
    of: ['IstioAmbientMode', 'IstioDSCPMark'],
    in: 'rules',
    is: {
      nftables: /ct state new oifname "cali\*" ip saddr @cali40all-istio-weps.* ip daddr .* ip dscp set af11/,
      iptables: /-o cali\+ .*--match-set cali40all-istio-weps src .*all-istio-weps dst .*--set-dscp 0x0a/,
    },
  },
  { of: ['FloatingIPs'], in: 'routes', is: /^203\.0\.113\.7 dev calia/m },
  {
    of: ['NATOutgoingExclusions'],
    in: 'rules',
    is: {
      nftables: /ip daddr != @cali40all-hosts-net/,
      iptables: /nat-outgoing .*! --match-set cali40all-hosts-net dst/,
    },
  },
  {
    of: ['NATOutgoingAddress', 'NATPortRange', 'FeatureDetectOverride'],
    in: 'rules',
    is: { nftables: /snat to 172\.16\.0\.9:32000-33000 comment/, iptables: /--to-source 172\.16\.0\.9:32000-33000$/m },
  },
  {
    of: ['IptablesNATOutgoingInterfaceFilter'],
    in: 'rules',
    is: { nftables: /masq-ipam-pools.*oifname "eth0"/, iptables: /cali-nat-outgoing -o eth0/ },
  },
  {
    of: ['ExternalNodesCIDRList'],
    in: 'rules',
    is: {
      nftables: /all-vxlan-net-net {[^}]*192\.0\.2\.128\/25/,
      iptables: /add cali40all-vxlan-net 192\.0\.2\.128\/25/,
    },
  },
  {
    of: ['VXLANPort'],
    in: 'rules',
    is: { nftables: /udp dport 4790 .*notrack/, iptables: /--dports 4790 -j NOTRACK/ },
  },
  {
    of: ['VXLANEnabled', 'VXLANVNI', 'VXLANPort'],
    in: 'links',
    is: /vxlan id 5000 local 172\.16\.0\.1 .*dstport 4790/,
  },
  { of: ['VXLANMTU'], in: 'links', is: /vxlan\.calico: .*mtu 1311/ },
  { of: ['IPv4VXLANTunnelAddr'], in: 'links', is: /inet 10\.65\.1\.1\/32 .*vxlan\.calico/ },
  { of: ['VXLANTunnelMACAddr'], in: 'links', is: /vxlan\.calico: .*\n\s+link\/ether 66:00:00:00:00:11/ },
  {
    of: ['DeviceRouteProtocol', 'DeviceRouteSourceAddress', 'IPv4NormalRoutePriority'],
    in: 'routes',
    is: /^10\.65\.0\.1 dev calia proto 77 scope link src 172\.16\.0\.1 metric 500/m,
  },
  {
    of: ['DeviceRouteProtocol', 'DeviceRouteSourceAddressIPv6', 'IPv6NormalRoutePriority'],
    in: 'routes',
    is: /^fd65::1 dev calia proto 77 src fd16::1 metric 501/m,
  },
  { of: ['RemoveExternalRoutes'], in: 'routes', is: /^198\.51\.100\.0\/24 dev calia proto static/m },
  {
    of: ['RouteSource', 'ProgramClusterRoutes'],
    in: 'routes',
    is: /^10\.65\.2\.7 via 172\.16\.0\.2 dev eth0 proto 77/m,
  },
  { of: ['IPForwarding'], in: 'sysctls', is: /net\.ipv4\.ip_forward = 0/ },
  { of: ['MTUIfacePattern', 'RequireMTUFile', 'VXLANMTU'], in: 'files', is: /^mtu 1311$/m },
  { of: ['EndpointStatusPathPrefix'], in: 'files', is: /^endpoint-status .*default%2fa/im },
  {
    of: ['EndpointReportingEnabled', 'OpenstackRegion'],
    in: 'store',
    is: /^\S*region-north\/host\/node1\/workload\/k8s\/.*up/m,
  },
  { of: ['OpenstackRegion', 'ReportingIntervalSecs'], in: 'store', is: /^\S*region-north\/host\/node1\/status /m },
  { of: ['HealthEnabled', 'HealthHost', 'HealthPort'], in: 'health', is: /"ok":true/ },
  {
    of: ['PrometheusMetricsEnabled', 'PrometheusMetricsHost', 'PrometheusMetricsPort'],
    in: 'metrics',
    is: /felix_active_local_endpoints 3/,
  },
  { of: ['PrometheusGoMetricsEnabled'], in: 'metrics', is: /nodejs_/, isMissing: true },
  { of: ['PrometheusProcessMetricsEnabled'], in: 'metrics', is: /^process_/m, isMissing: true },
  {
    of: ['NftablesFilterAllowAction'],
    in: 'rules',
    is: { nftables: /return comment ".*Policy explicitly accepted packet/ },
  },
  { of: ['NftablesMangleAllowAction'], in: 'rules', is: { nftables: /mangle-cali-PREROUTING {\s+ct state .* return/ } },
  { of: ['NftablesFilterDenyAction'], in: 'rules', is: { nftables: /reject comment ".*Unknown interface"/ } },
  {
    of: ['NftablesMarkMask'],
    in: 'rules',
    is: { nftables: /raw-cali-PREROUTING {\s+meta mark set meta mark & 0xfe0fffff/ },
  },
  { of: ['IptablesFilterAllowAction'], in: 'rules', is: { iptables: /explicitly accepted packet\." .*-j RETURN/ } },
  {
    of: ['IptablesMangleAllowAction'],
    in: 'rules',
    is: { iptables: /-A cali-PREROUTING .*RELATED,ESTABLISHED -j RETURN/ },
  },
  { of: ['IptablesFilterDenyAction'], in: 'rules', is: { iptables: /Unknown interface" -j REJECT/ } },
  { of: ['IptablesMarkMask'], in: 'rules', is: { iptables: /cali-PREROUTING .*-j MARK --set-xmark 0x0\/0x1f00000/ } },
  { of: ['IptablesBackend'], in: 'rules', is: { iptables: /Generated by iptables-nft-save/ } },
  { of: ['MaxIpsetSize'], in: 'rules', is: { iptables: /cali40all-hosts-net hash:net .*maxelem 5000/ } },
  { of: ['ChainInsertMode'], in: 'rules', is: { iptables: /-A INPUT -j LOG\n-A INPUT .*-j cali-INPUT/ } },
];

describe.for(Object.entries(ofFilter))('parameters of Felix with %s', ([filter, ofOne]) => {
  let lab: StoreLab;
  let felix: FelixProcess;
  let directory: string;
  let places: Places;

  beforeAll(async () => {
    lab = await StoreLab.start();
    directory = mkdtempSync(join(tmpdir(), 'calico-felix-'));
    const { node } = lab;
    const run = (...command: string[]): string => runIn(node.netns, ...command);
    run('ip', 'address', 'add', 'fd16::1/64', 'dev', 'eth0', 'nodad');
    run('ip', 'link', 'set', 'eth0', 'mtu', '1444');
    run('sysctl', '-qw', 'net.ipv4.ip_forward=0', 'net.ipv4.conf.default.rp_filter=1');
    const a = node.addWorkload('a', '10.65.0.1', { byFelix: true });
    const b = node.addWorkload('b', '10.65.0.2', { byFelix: true });
    run('ip', 'route', 'add', '198.51.100.0/24', 'dev', 'calia', 'proto', 'static');
    const bgp = { ipv4Address: '172.16.0.1/24', ipv6Address: 'fd16::1/64' };
    await lab.apply('Node', { name: 'node1' }, { bgp });
    await lab.apply('Node', { name: 'node2' }, { bgp: { ipv4Address: '172.16.0.2/24' } });
    if (filter === 'iptables') run('iptables-nft', '-A', 'INPUT', '-j', 'LOG');
    await lab.apply('IPPool', { name: 'plain' }, { cidr: '10.65.0.0/16', natOutgoing: true });
    await lab.apply('BGPConfiguration', { name: 'default' }, { serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] });
    await lab.apply('HostEndpoint', { name: 'h' }, { node: 'node1', interfaceName: 'eth0' });
    await lab.apply(
      'GlobalNetworkPolicy',
      { name: 'p' },
      { selector: "app == 'a'", types: ['Ingress'], ingress: [{ action: 'Log' }, { action: 'Deny' }] },
    );
    await lab.apply(
      'WorkloadEndpoint',
      { name: 'node2-k8s-far-eth0', namespace: 'default' },
      {
        ...{ orchestrator: 'k8s', node: 'node2', pod: 'far', endpoint: 'eth0', interfaceName: 'calix' },
        ipNetworks: ['10.65.2.7/32'],
      },
    );
    await lab.applyEndpoint(a, 'a', {
      ipNetworks: ['10.65.0.1/32', 'fd65::1/128'],
      ipNATs: [{ internalIP: '10.65.0.1', externalIP: '203.0.113.7' }],
    });
    await lab.applyEndpoint(b, 'b', { allowSpoofedSourcePrefixes: ['192.0.2.0/24'] });
    const env = Object.entries({ ...settings, ...ofOne, EndpointStatusPathPrefix: directory });
    felix = lab.startFelix(Object.fromEntries(env.map(([name, value]) => [`FELIX_${name.toUpperCase()}`, value])));
    await felix.waitForEndpoint('a');
    const read = (path: string): string => readFileSync(path, 'utf8').trim();
    places = {
      rules: () =>
        filter === 'nftables'
          ? run('nft', 'list', 'ruleset')
          : ['iptables-nft-save', 'ip6tables-nft-save'].map((save) => run(save)).join('') + run('ipset', 'save'),
      links: () => run('ip', '-d', 'address'),
      routes: () => run('ip', 'route') + run('ip', '-6', 'route'),
      sysctls: () => run('sysctl', 'net.ipv4.ip_forward'),
      files: () =>
        `mtu ${read(join(felix.runDir, 'mtu'))}\nendpoint-status ${readdirSync(join(directory, 'endpoint-status')).join()}\n`,
      store: async () => {
        const { items } = await lab.backend.list(
          felixStatusKey(parseNodeName('node1'), 'north').replace(/host\/.*/, ''),
        );
        return items.map(({ key, value }) => `${key} ${value}`).join('\n');
      },
      health: () => felix.httpGet('/liveness', 9098),
      metrics: () => felix.httpGet('/metrics', 9097),
    };
  });

  afterAll(async () => {
    await felix[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
    await lab[Symbol.asyncDispose]();
  });

  const own = (is: Sign['is']): RegExp | undefined =>
    is instanceof RegExp ? is : is[filter as 'nftables' | 'iptables'];

  it.each(signs.filter(({ is }) => own(is) !== undefined).map((sign) => [sign.of.join(', '), sign] as const))(
    '%s act',
    async (_, sign) => {
      const looked = expect.poll(() => places[sign.in](), { timeout: 10_000 });
      await (sign.isMissing === true ? looked.not : looked).toMatch(own(sign.is)!);
    },
  );

  it('without them, none of it is so', async () => {
    await felix.end('SIGTERM');
    const { NFTablesMode = '', IptablesBackend = 'auto' } = ofOne;
    await using plain = lab.startFelix({ FELIX_NFTABLESMODE: NFTablesMode, FELIX_IPTABLESBACKEND: IptablesBackend });
    await plain.waitForEndpoint('a');
    // What was told stays told, the variant is still asked for, and nobody listens; routes
    // of a protocol that is not ours any more are left alone.
    const others = signs.filter(
      ({ in: place, of: [name] }) =>
        ['rules', 'links', 'routes', 'sysctls'].includes(place) && name !== 'IptablesBackend' && name !== 'RouteSource',
    );
    const still = async (): Promise<readonly string[]> => {
      const names: string[] = [];
      for (const sign of others) {
        const pattern = own(sign.is);
        if (pattern?.test(await places[sign.in]()) === (sign.isMissing !== true)) names.push(sign.of.join(', '));
      }
      return names;
    };
    await expect.poll(still, { timeout: 15_000, interval: 500 }).toEqual([]);
    await plain.end('SIGTERM');
  });
});

it('what is switched off is not there: IPv6, routes, VXLAN, ports at random', async () => {
  await using lab = await StoreLab.start();
  const { node } = lab;
  const run = (...command: string[]): string => runIn(node.netns, ...command);
  const a = node.addWorkload('a', '10.65.0.1', { byFelix: true });
  await lab.apply('Node', { name: 'node1' }, { bgp: { ipv4Address: '172.16.0.1/24' } });
  await lab.apply('IPPool', { name: 'tunnelled' }, { cidr: '10.65.0.0/16', vxlanMode: 'Always', natOutgoing: true });
  await lab.applyEndpoint(a, 'a');
  await using felix = lab.startFelix({
    FELIX_NFTABLESMODE: 'Enabled',
    FELIX_IPV6SUPPORT: 'false',
    FELIX_ROUTESYNCDISABLED: 'true',
    FELIX_VXLANENABLED: 'false',
    FELIX_FEATUREDETECTOVERRIDE: 'MASQFullyRandom=false',
  });
  await expect.poll(() => felix.status(), { timeout: 20_000 }).toMatchObject({ inSync: true });
  expect(run('nft', 'list', 'tables')).toBe('table ip calico\n');
  expect(run('ip', 'route')).not.toContain('10.65.0.1');
  expect(run('ip', 'link')).not.toContain('vxlan');
  expect(run('nft', 'list', 'chain', 'ip', 'calico', 'nat-cali-nat-outgoing')).toMatch(/masquerade comment/);
  await felix.end('SIGTERM');
});

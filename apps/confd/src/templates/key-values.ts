/**
 * A node's BGP in the keys that confd's templates are written for (calico-confd 6.2): what Calico's confd keeps in
 * its memory, `/calico/bgp/v1/…`, `/calico/v1/ipam/…` and so on, with the values in Calico's JSON.
 */
import { familyOf, splitCidr, type Cidr, type Family } from '@calico-node/net';
import { encodeResource } from '@calico-node/model';
import { bgpNodes, subnetIn } from '../derive/bgp-node.ts';
import type { NodeBgp } from '../derive/derive.ts';
import type { BgpResources } from '../derive/resources.ts';
import type { Session } from '../derive/session.ts';
import type { AdvertisedPrefix } from '../derive/settings.ts';

const BGP = '/calico/bgp/v1';
const FAMILIES: readonly Family[] = [4, 6];

type Entry = readonly [key: string, value: string];

/** The whole view of a node, by key. */
export function keyValueView(node: NodeBgp, resources: BgpResources): ReadonlyMap<string, string> {
  return new Map([
    ...globalKeys(node),
    ...hostKeys(node, resources),
    ...node.sessions.flatMap((session) => peerKey(session, node)),
    ...resources.filters.map((filter): Entry => [
      `/calico/resources/v3/projectcalico.org/bgpfilters/${filter.metadata.name}`,
      encodeResource(filter),
    ]),
    ...prefixKeys(node, resources),
  ]);
}

/** Of what this node's own configuration says too, that is meant. */
function globalKeys({ settings }: NodeBgp): readonly Entry[] {
  const { globalListenPort: port, meshRestartSeconds: restart } = settings;
  const values: Readonly<Record<string, string>> = {
    as_num: String(settings.globalAsn),
    node_mesh: JSON.stringify({ enabled: settings.isMeshEnabled }),
    node_mesh_password: settings.meshPassword,
    node_mesh_restart_time: restart === 0 ? '' : String(restart),
    loglevel: settings.logLevel,
    listen_port: port === 0 ? '' : String(port),
    bind_mode: settings.bindsToNodeIp ? 'NodeIP' : '',
    ignored_interfaces: settings.ignoredInterfaces.join(','),
    svc_cluster_ips: settings.serviceClusterIps.join(','),
    svc_external_ips: settings.serviceExternalIps.join(','),
    svc_loadbalancer_ips: settings.serviceLoadBalancerIps.join(','),
  };
  return [
    ...Object.entries(values).flatMap(([key, value]): Entry[] =>
      value === '' ? [] : [[`${BGP}/global/${key}`, value]],
    ),
    ...FAMILIES.flatMap((family) => advertisementKey(`${BGP}/global`, settings.prefixCommunities, family)),
  ];
}

function advertisementKey(start: string, prefixes: readonly AdvertisedPrefix[], family: Family): readonly Entry[] {
  const ours = prefixes.filter(({ prefix }) => familyOf(prefix) === family);
  if (ours.length === 0) return [];
  const value = ours.map(({ prefix, communities }) => ({ cidr: prefix, communities }));
  return [[`${start}/prefix_advertisements/ip_v${family}`, JSON.stringify(value)]];
}

function hostKeys({ settings }: NodeBgp, resources: BgpResources): readonly Entry[] {
  const networks = new Map(resources.nodes.map(({ metadata, spec }) => [metadata.name, spec.bgp]));
  return bgpNodes(resources.nodes, settings, () => undefined).flatMap(
    ({ name, ipv4, ipv6, asn, clusterId, listenPort }) => {
      const bgp = networks.get(name);
      const values: Readonly<Record<string, string | undefined>> = {
        ip_addr_v4: ipv4 ?? '',
        ip_addr_v6: ipv6 ?? '',
        network_v4: subnetIn(bgp?.ipv4Address),
        network_v6: subnetIn(bgp?.ipv6Address),
        as_num: bgp?.asNumber === undefined ? undefined : String(asn),
        rr_cluster_id: clusterId,
        listen_port: listenPort === settings.globalListenPort ? undefined : String(listenPort),
      };
      return Object.entries(values).flatMap(([key, value]): Entry[] =>
        value === undefined ? [] : [[`${BGP}/host/${name}/${key}`, value]],
      );
    },
  );
}

/** The sessions that BGPPeers ask for; the mesh has no keys. */
function peerKey(session: Session, { me }: NodeBgp): readonly Entry[] {
  if (session.type === 'mesh') return [];
  const start = session.type === 'global' ? `${BGP}/global` : `${BGP}/host/${me.name}`;
  const port = session.port === 0 ? '' : `-${session.port}`;
  const value = {
    ip: session.address,
    as_num: String(session.remoteAsn),
    local_as_num: session.localAsn === me.asn ? '' : String(session.localAsn),
    rr_cluster_id: session.remoteClusterId,
    password: session.password,
    source_addr: session.source === undefined ? 'None' : 'UseNodeIP',
    restart_time: session.restartSeconds === 0 ? '' : String(session.restartSeconds),
    keepalive_time: session.keepaliveSeconds === 0 ? '' : String(session.keepaliveSeconds),
    port: session.port,
    keep_next_hop: session.nextHop === 'keep',
    calico_node: session.isCalicoNode,
    num_allow_local_as: session.allowedLocalAsns,
    ttl_security: session.ttlSecurityHops,
    filters: session.filters,
    reachable_by: session.reachableBy,
    passive_mode: session.isPassive,
    local_bgp_peer: session.type === 'workload',
    next_hop_mode: { auto: '', self: 'Self', keep: 'Keep' }[session.nextHop],
  };
  return [[`${start}/peer_v${familyOf(session.address)}/${session.address}${port}`, JSON.stringify(value)]];
}

function prefixKeys({ me, prefixes }: NodeBgp, resources: BgpResources): readonly Entry[] {
  const pools = new Map(resources.pools.map((pool) => [pool.spec.cidr, pool.spec]));
  return [
    ...prefixes.pools.map(({ cidr, isExported, encapsulation }): Entry => {
      const { ipipMode, vxlanMode, natOutgoing = false, disabled = false } = pools.get(cidr) ?? {};
      const value = {
        cidr,
        ipip: encapsulation === 'ipip' ? 'tunl0' : '',
        ipip_mode: modeOf(ipipMode),
        vxlan_mode: modeOf(vxlanMode),
        masquerade: natOutgoing,
        ipam: !disabled,
        disabled,
        disableBGPExport: !isExported,
      };
      return [`/calico/v1/ipam/v${familyOf(cidr)}/pool/${dashed(cidr)}`, JSON.stringify(value)];
    }),
    ...prefixes.blocks.map(({ cidr, state }): Entry => {
      const key = `/calico/ipam/v2/host/${me.name}/ipv${familyOf(cidr)}/block/${dashed(cidr)}`;
      return [key, JSON.stringify({ state })];
    }),
    ...prefixes.services.map((cidr): Entry => [`/calico/staticroutes${suffix(cidr)}/${dashed(cidr)}`, cidr]),
    ...prefixes.serviceRejects.map((cidr): Entry => [`/calico/rejectcidrs${suffix(cidr)}/${dashed(cidr)}`, cidr]),
  ];
}

/** Calico's words for encapsulation in its older form. */
function modeOf(mode: string | undefined): string {
  if (mode === 'Always') return 'always';
  return mode === 'CrossSubnet' ? 'cross-subnet' : '';
}

function dashed(cidr: Cidr): string {
  const { ip, prefixLength } = splitCidr(cidr);
  return `${ip}-${prefixLength}`;
}

function suffix(cidr: Cidr): string {
  return familyOf(cidr) === 4 ? '' : 'v6';
}

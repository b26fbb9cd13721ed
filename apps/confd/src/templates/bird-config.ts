/**
 * What `getBGPConfig` gives to templates: a node's part in BGP for one family, in the words of Calico's Go type. Pieces of configuration are BIRD 2's, as our own files have them.
 */
import { familyOf, type Family } from '@calico-node/net';
import { birdCommunity, addCommunity } from '../bird/community.ts';
import { filterFunctions } from '../bird/filter-functions.ts';
import {
  disabledPoolExports,
  enabledPoolExports,
  internalExports,
  ofFamily,
  poolKernelRules,
} from '../bird/ipam-file.ts';
import { familySessions, sessionFilters } from '../bird/sessions.ts';
import { directInterfaces } from '../bird/main-file.ts';
import { addressOf } from '../derive/bgp-node.ts';
import type { NodeBgp } from '../derive/derive.ts';
import type { Session } from '../derive/session.ts';

const quiet = (): void => undefined;

const debugModes = { none: '', info: '{ states }', debug: 'all' } as const;
const peerDebugModes = { none: '', info: 'debug { states, routes, filters, events };', debug: 'debug all;' } as const;

export function birdConfig(node: NodeBgp, family: Family): Readonly<Record<string, unknown>> {
  const { me, settings, routerId } = node;
  const prefixes = ofFamily(node.prefixes, family);
  const functions = filterFunctions(node, family, quiet);
  return {
    NodeName: me.name,
    NodeIP: me.ipv4 ?? '',
    NodeIPv6: me.ipv6 ?? '',
    ASNumber: String(me.asn),
    RouterID: routerId,
    Peers: familySessions(node, family, quiet).map((session) => {
      const { imports, exports } = sessionFilters(session, node, functions);
      return { ...birdPeer(session, node), ImportFilter: imports.join('\n    '), ExportFilter: exports.join('\n    ') };
    }),
    Communities: communities(node, family),
    LogLevel: settings.logLevel,
    DebugMode: debugModes[settings.logLevel],
    PeerDebugMode: peerDebugModes[settings.logLevel],
    ListenAddress: settings.bindsToNodeIp ? (addressOf(me, family) ?? '') : '',
    ListenPort: orEmpty(me.listenPort),
    NormalRoutePriority: settings.normalPriority[family],
    DirectInterfaces: directInterfaces(settings, quiet),
    ExternalIPs: settings.serviceExternalIps,
    LoadBalancerIPs: settings.serviceLoadBalancerIps,
    BGPExportFilterForDisabledIPPools: disabledPoolExports(prefixes),
    BGPExportFilterForEnabledIPPools: enabledPoolExports(prefixes),
    InternalBGPExportFilter: internalExports,
    KernelFilterForIPPools: poolKernelRules(prefixes, settings, family),
  };
}

const types: Readonly<Record<Session['type'], string>> = {
  mesh: 'mesh',
  global: 'global',
  node: 'node',
  workload: 'local_workload',
};

function birdPeer(session: Session, { me }: NodeBgp): Readonly<Record<string, unknown>> {
  return {
    Name: session.name,
    IP: session.address,
    Port: orEmpty(session.port),
    ASNumber: String(session.remoteAsn),
    LocalASNumber: session.localAsn === me.asn ? '' : String(session.localAsn),
    Type: types[session.type],
    Password: session.password,
    TTLSecurity: session.ttlSecurityHops === 0 ? 'off' : String(session.ttlSecurityHops),
    RouteReflector: session.isReflectorClient,
    RRClusterID: session.clusterId ?? '',
    SourceAddr: session.source ?? '',
    NextHopSelf: session.nextHop === 'self',
    NextHopKeep: session.nextHop === 'keep',
    AddPaths: '',
    Passive: session.isPassive,
    GracefulRestart: orEmpty(session.restartSeconds),
    KeepaliveTime: orEmpty(session.keepaliveSeconds),
    NumAllowLocalAs: orEmpty(session.allowedLocalAsns),
  };
}

function communities({ settings }: NodeBgp, family: Family): readonly unknown[] {
  return settings.prefixCommunities
    .filter(({ prefix }) => familyOf(prefix) === family)
    .map(({ prefix, communities: values }) => ({
      CIDR: prefix,
      AddStatements: values.flatMap((value) => birdCommunity(value) ?? []).map(addCommunity),
    }));
}

function orEmpty(value: number): string {
  return value === 0 ? '' : String(value);
}

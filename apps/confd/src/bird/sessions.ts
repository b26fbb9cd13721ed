import { cidrContains, familyOf, type Family } from '@calico-node/net';
import { addressOf, type BgpNode } from '../derive/bgp-node.ts';
import type { Speaker } from '../derive/derive.ts';
import type { Complain } from '../derive/resources.ts';
import { isInternal, type Session } from '../derive/session.ts';
import { debugging } from './debugging.ts';
import type { FilterFunctions } from './filter-functions.ts';
import { exportPriority, importPreference, usualMetric } from './priority.ts';
import { block, quote, type Lines } from './syntax.ts';

/** RFC 4724 3: the restart time has twelve bits. */
const MAX_RESTART_SECONDS = 4095;

/** What all sessions have in common. */
export function sessionTemplate({ me, settings }: Speaker, family: Family): Lines {
  const port = me.listenPort === 0 ? '' : ` port ${me.listenPort}`;
  return block('template bgp bgp_template', [
    ...debugging(settings.logLevel),
    'description "Connection to BGP peer";',
    `local${port} as ${me.asn};`,
    'graceful restart;',
    'connect delay time 2;',
    'connect retry time 5;',
    'error wait time 5, 30;',
    ...block(`ipv${family}`, ['import none;', 'export none;', 'gateway recursive;', 'add paths on;'], ';'),
  ]);
}

/** The sessions with peers of a family that BIRD can have. */
export function familySessions({ sessions }: Speaker, family: Family, complain: Complain): readonly Session[] {
  return sessions.filter(({ name, address }) => {
    if (familyOf(address) !== family) return false;
    if (isHostAddress(address)) return true;
    complain(name, `left out: BIRD has no sessions over several hops with ${address}`);
    return false;
  });
}

/** Neither link-local, nor multicast, nor any other that is no host's. */
function isHostAddress(ip: string): boolean {
  return !/^(0\.|127\.|169\.254\.|22[4-9]\.|2[3-5]\d\.|::1?$|fe[89ab]|ff)/.test(ip);
}

/** What a session lets in and out, as bodies of filters. */
export function sessionFilters(
  session: Session,
  node: Speaker,
  functions: FilterFunctions,
): { readonly imports: Lines; readonly exports: Lines } {
  const internal = isInternal(session);
  return {
    imports: [
      ...usualMetric(node.filters, familyOf(session.address)),
      ...functions.callsFor(session.filters, 'import', internal),
      ...importPreference(session, node),
      'accept;',
    ],
    exports: [
      ...exportPriority(session, node),
      ...functions.callsFor(session.filters, 'export', internal),
      // Nodes of the mesh reach each other's tunnels by themselves, whatever their AS.
      `calico_export_to_bgp_peers(${internal || session.type === 'mesh'});`,
      'reject;',
    ],
  };
}

/** One session. What it sends ends with calico_export_to_bgp_peers, which bird_ipam.cfg defines. */
export function sessionProtocol(
  session: Session,
  node: Speaker,
  functions: FilterFunctions,
  complain: Complain,
): Lines {
  const { port, ttlSecurityHops } = session;
  const { imports, exports } = sessionFilters(session, node, functions);
  if (session.hasBfd && !hasDirectBfd(session, node.me))
    complain(session.name, "goes without BFD: the peer is not on the network of the node's address");
  return block(`protocol bgp ${session.name} from bgp_template`, [
    `neighbor ${session.address}${port === 0 ? '' : ` port ${port}`} as ${session.remoteAsn};`,
    ...(session.localAsn === node.me.asn ? [] : [`local as ${session.localAsn};`]),
    ...localEnd(session, node),
    `ttl security ${ttlSecurityHops > 0 ? 'on' : 'off'};`,
    ...(hasDirectBfd(session, node.me)
      ? ['direct;', `bfd ${session.isBfdGraceful ? 'graceful' : 'on'};`]
      : [ttlSecurityHops > 0 ? `multihop ${ttlSecurityHops};` : 'multihop;']),
    ...(session.isPassive ? ['passive on;'] : []),
    ...timers(session),
    ...(session.allowedLocalAsns > 0 ? [`allow local as ${session.allowedLocalAsns};`] : []),
    ...(session.isReflectorClient ? ['rr client;', `rr cluster id ${session.clusterId ?? node.routerId};`] : []),
    ...password(session, complain),
    ...block(
      `ipv${familyOf(session.address)}`,
      [
        ...(session.nextHop === 'auto' ? [] : [`next hop ${session.nextHop};`]),
        ...block('import filter', imports, ';'),
        ...block('export filter', exports, ';'),
      ],
      ';',
    ),
  ]);
}

/**
 * Whence to connect, and where to listen. BIRD binds to an address per session, not once for all; a session
 * without one would take the port on all addresses, and none be left for the others.
 */
function localEnd({ type, source, address }: Session, { me, settings }: Speaker): Lines {
  const family = familyOf(address);
  if (!settings.bindsToNodeIp) return source === undefined ? [] : [`source address ${source};`];
  const local = type === 'workload' ? settings.workloadPeering[family] : addressOf(me, family);
  if (local === undefined) return [];
  // The peering address is there only while a workload needs it.
  const binding = type === 'workload' ? ['free bind on;'] : [];
  return [`source address ${local};`, 'strict bind on;', ...binding];
}

/** Whether BFD watches the session. BIRD has to be told who is on a network of the node: here, on that of its address. */
export function hasDirectBfd({ hasBfd, address }: Session, { subnet4, subnet6 }: BgpNode): boolean {
  const subnet = familyOf(address) === 4 ? subnet4 : subnet6;
  return hasBfd && subnet !== undefined && cidrContains(subnet, address);
}

function timers({ restartSeconds, longLivedSeconds, keepaliveSeconds }: Session): Lines {
  return [
    ...(longLivedSeconds > 0 ? ['long lived graceful restart on;', `long lived stale time ${longLivedSeconds};`] : []),
    ...(restartSeconds > 0 ? [`graceful restart time ${Math.min(restartSeconds, MAX_RESTART_SECONDS)};`] : []),
    ...(keepaliveSeconds > 0 ? [`keepalive time ${keepaliveSeconds};`] : []),
  ];
}

function password({ name, password: text }: Session, complain: Complain): Lines {
  if (text === '') return [];
  const literal = quote(text);
  if (literal !== undefined) return [`password ${literal};`];
  complain(name, 'goes without its password: BIRD has no way to write one with quotes or line ends');
  return [];
}

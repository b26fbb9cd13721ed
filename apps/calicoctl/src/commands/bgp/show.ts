import { bgpV1, sessionStateNames } from '@calico-node/rpc';
import type { Io } from '../../io.ts';
import { tabTable } from '../../output/tab-table.ts';
import { askBgpDaemon } from './daemon.ts';
import { routeTable } from './route-table.ts';

/** `calicoctl bgp peers`: the sessions with what has gone over them. */
export async function bgpPeers(io: Io): Promise<void> {
  const { peers } = await askBgpDaemon(io, (client) => client.listPeers.bind(client), {});
  const rows = peers.map((peer) => [
    peer.name,
    peer.address,
    String(peer.remoteAs),
    stateOf(peer),
    duration(io.now().getTime() - Number(peer.sinceUnixMillis)),
    String(peer.prefixesReceived),
    String(peer.prefixesSent),
    peer.state === bgpV1.SessionState.ESTABLISHED ? '' : peer.lastError,
  ]);
  io.out(tabTable(['NAME', 'ADDRESS', 'AS', 'STATE', 'FOR', 'RECEIVED', 'SENT', 'LAST-ERROR'], rows));
}

/** `calicoctl bgp routes` and `route PREFIX`: all paths, or those of one prefix or one neighbour. */
export async function bgpRoutes(io: Io, prefix: string, peer: string): Promise<void> {
  const { routes } = await askBgpDaemon(io, (client) => client.listRoutes.bind(client), { prefix, peer });
  io.out(routes.length === 0 ? 'No routes.\n' : routeTable(routes));
}

/** `calicoctl bgp explain PREFIX`: why the best path won, and who is told of it. */
export async function bgpExplain(io: Io, prefix: string): Promise<void> {
  const { paths, exports } = await askBgpDaemon(io, (client) => client.explainRoute.bind(client), { prefix });
  if (paths.length === 0) {
    io.out(`No path to ${prefix} is known.\n`);
    return;
  }
  io.out(`Paths to ${prefix}:\n`);
  const pathRows = paths.map(({ route, verdict }) => [
    `  ${route?.source ?? ''}`,
    route === undefined || route.nextHop === '' ? '-' : route.nextHop,
    verdict,
  ]);
  io.out(tabTable(['  SOURCE', 'NEXT-HOP', 'VERDICT'], pathRows));
  io.out('\nAnnounced:\n');
  const exportRows = exports.map(({ peer, announced, reason }) => [`  ${peer}`, announced ? 'yes' : 'no', reason]);
  io.out(tabTable(['  PEER', 'TOLD', 'BECAUSE'], exportRows));
}

function stateOf({ state, stale, shutDown, dampedSeconds, bfd }: bgpV1.Peer): string {
  const notes = [
    ...(shutDown ? ['shut down'] : []),
    ...(stale && !shutDown ? ['routes kept'] : []),
    ...(dampedSeconds > 0 ? [`damped for ${duration(1000 * dampedSeconds)}`] : []),
    ...(bfd === undefined ? [] : [bfd.state === bgpV1.BfdState.UP ? 'BFD up' : 'BFD down']),
  ];
  return notes.length === 0 ? sessionStateNames[state] : `${sessionStateNames[state]} (${notes.join(', ')})`;
}

/** In the largest two units: 3d4h, 4h5m, 5m6s, 6s. */
function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days}d${hours}h`;
  if (hours > 0) return `${hours}h${minutes}m`;
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`;
}

import type { Io } from '../../io.ts';
import { tabTable } from '../../output/tab-table.ts';
import { openBgpDaemon } from './daemon.ts';
import { routeTable } from './route-table.ts';

/** `calicoctl bgp peers`: the sessions with what has gone over them. */
export async function bgpPeers(io: Io): Promise<void> {
  const daemon = await openBgpDaemon(io);
  const rows = (await daemon.peers()).map((peer) => [
    peer.name,
    peer.address,
    String(peer.remoteAs),
    peer.state,
    peer.since,
    String(peer.received),
    String(peer.sent),
    peer.lastError,
  ]);
  io.out(tabTable(['NAME', 'ADDRESS', 'AS', 'STATE', daemon.sinceHeading, 'RECEIVED', 'SENT', 'LAST-ERROR'], rows));
}

/** `calicoctl bgp routes` and `route PREFIX`: all paths, or those of one prefix or one neighbour. */
export async function bgpRoutes(io: Io, prefix: string, peer: string): Promise<void> {
  const daemon = await openBgpDaemon(io);
  const routes = await daemon.routes(prefix, peer);
  io.out(routes.length === 0 ? 'No routes.\n' : routeTable(routes));
}

/** `calicoctl bgp explain PREFIX`: why the best path won, and who is told of it. */
export async function bgpExplain(io: Io, prefix: string): Promise<void> {
  const daemon = await openBgpDaemon(io);
  const { paths, exports } = await daemon.explain(prefix);
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

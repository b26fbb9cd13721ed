import { bgpV1, callUnary, connectUnix, isRpcError, readRoutes, sessionStateNames } from '@calico-node/rpc';
import { CommandError, type Io } from '../../io.ts';
import type { BgpDaemon } from './daemon.ts';

const CALL_TIMEOUT_MS = 30_000;

/** Our own daemon, over gRPC. */
export function nativeDaemon(socket: string, io: Io): BgpDaemon {
  const use = async <Answer>(ask: (client: bgpV1.BgpServiceClient) => Promise<Answer>): Promise<Answer> => {
    const client = connectUnix(bgpV1.BgpServiceClient, socket);
    try {
      return await ask(client);
    } catch (error) {
      const reason = isRpcError(error, 'UNAVAILABLE') ? `it is gone from ${socket}` : textOf(error);
      throw new CommandError(`the BGP daemon: ${reason}`, { cause: error });
    } finally {
      client.close();
    }
  };
  const ask = <Request, Response>(
    method: (client: bgpV1.BgpServiceClient) => Parameters<typeof callUnary<Request, Response>>[0],
    request: Request,
  ): Promise<Response> => use((client) => callUnary(method(client), request, { timeoutMs: CALL_TIMEOUT_MS }));
  return {
    sinceHeading: 'FOR',
    peers: async () => {
      const { peers } = await ask((client) => client.listPeers.bind(client), {});
      return peers.map((peer) => ({
        name: peer.name,
        address: peer.address,
        remoteAs: peer.remoteAs,
        state: stateOf(peer),
        since: duration(io.now().getTime() - Number(peer.sinceUnixMillis)),
        received: peer.prefixesReceived,
        sent: peer.prefixesSent,
        lastError: peer.state === bgpV1.SessionState.ESTABLISHED ? '' : peer.lastError,
      }));
    },
    routes: (prefix, peer) => use((client) => readRoutes(client, { prefix, peer })),
    explain: (prefix) => ask((client) => client.explainRoute.bind(client), { prefix }),
    shutdown: async (peer, message) => {
      await ask((client) => client.shutdownPeer.bind(client), { peer, message });
    },
    reload: (peer, hard) => ask((client) => client.reloadPeer.bind(client), { peer, hard }),
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
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

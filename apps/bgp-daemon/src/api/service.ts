import { ipFromBigInt, tryParseCidr } from '@calico-node/net';
import { RpcError, streaming, unary, type bgpV1 } from '@calico-node/rpc';
import { VERSION } from '@calico-node/service';
import type { Bfd } from '../bfd/bfd.ts';
import { BgpConfigError } from '../config/fields.ts';
import { peerHop } from '../config/daemon-config.ts';
import type { Neighbor } from '../speaker/neighbor.ts';
import type { ApplyResult, Speaker } from '../speaker/speaker.ts';
import { dumpTable } from '../mrt/dump-table.ts';
import { peerStatus, routeStatus, routeStatuses } from './status.ts';

/** Of the routes in one answer: more would not fit, nor be made while keepalives wait. */
const mostListed = 20_000;
const routesInPiece = 200;

export interface ConfigOwner {
  /** The configuration as it came; undefined before the first. */
  readonly wire: bgpV1.BgpConfig | undefined;
  readonly configuredMs: number;
  /** Checks, applies and keeps a configuration. @throws BgpConfigError, and nothing has changed. */
  apply(wire: bgpV1.BgpConfig): ApplyResult;
}

/** The gRPC interface (calico.bgp.v1.BgpService). */
export function bgpService(speaker: Speaker, bfd: Bfd, owner: ConfigOwner, startedMs: number): bgpV1.BgpServiceServer {
  return {
    applyConfig: unary<bgpV1.ApplyConfigRequest, bgpV1.ApplyConfigResponse>(({ config }) => {
      if (config === undefined) throw new RpcError('INVALID_ARGUMENT', 'config: is missing');
      try {
        return owner.apply(config);
      } catch (error) {
        if (error instanceof BgpConfigError) throw new RpcError('INVALID_ARGUMENT', error.message, { cause: error });
        throw error;
      }
    }),
    getConfig: unary<bgpV1.GetConfigRequest, bgpV1.GetConfigResponse>(() => ({
      config: owner.wire && {
        ...owner.wire,
        neighbors: owner.wire.neighbors.map((neighbor) => ({ ...neighbor, password: '' })),
        dynamicNeighbors: owner.wire.dynamicNeighbors.map((dynamic) => ({
          ...dynamic,
          template: dynamic.template && { ...dynamic.template, password: '' },
        })),
      },
    })),
    listPeers: unary<bgpV1.ListPeersRequest, bgpV1.ListPeersResponse>(() => ({
      peers: speaker.neighbors.map((neighbor) =>
        peerStatus(neighbor, speaker.isDynamic(neighbor), bfd.status(neighbor.config.name)),
      ),
    })),
    listRoutes: unary<bgpV1.ListRoutesRequest, bgpV1.ListRoutesResponse>((request) => {
      const routes: bgpV1.Route[] = [];
      for (const route of routesAskedFor(speaker, request)) {
        if (routes.length === mostListed)
          throw new RpcError('RESOURCE_EXHAUSTED', `there are more than ${mostListed} routes: see StreamRoutes`);
        routes.push(route);
      }
      return { routes };
    }),
    streamRoutes: streaming((request) => inPieces(routesAskedFor(speaker, request))),
    explainRoute: unary<bgpV1.ExplainRouteRequest, bgpV1.ExplainRouteResponse>(({ prefix }) => {
      const asked = tryParseCidr(prefix);
      if (asked === undefined) throw new RpcError('INVALID_ARGUMENT', `prefix: '${prefix}' is not a prefix`);
      const { paths, exports } = speaker.explain(asked);
      return {
        paths: paths.map(({ path, isBest, verdict }) => ({ route: routeStatus(asked, path, isBest), verdict })),
        exports: [...exports],
      };
    }),
    shutdownPeer: unary<bgpV1.ShutdownPeerRequest, bgpV1.ShutdownPeerResponse>(({ peer, message }) => {
      findPeer(speaker, peer).shutDown(message);
      return {};
    }),
    reloadPeer: unary<bgpV1.ReloadPeerRequest, bgpV1.ReloadPeerResponse>(({ peer, hard }) => {
      const neighbors = peer === '' ? speaker.neighbors : [findPeer(speaker, peer)];
      const outcomes = neighbors.map((neighbor) => neighbor.reload(hard));
      const refreshed = outcomes.filter((outcome) => outcome === 'refreshed').length;
      return { refreshed, restarted: outcomes.length - refreshed };
    }),
    dumpTable: streaming(function* () {
      for (const piece of dumpTable(speaker, Date.now())) yield { data: Buffer.from(piece) };
    }),
    getStatus: unary<bgpV1.GetStatusRequest, bgpV1.GetStatusResponse>(() => ({
      version: VERSION,
      routerId: speaker.config === undefined ? '' : ipFromBigInt(BigInt(speaker.config.routerId), 4),
      startedUnixMillis: BigInt(startedMs),
      configuredUnixMillis: BigInt(owner.configuredMs),
      routes: BigInt(speaker.prefixes),
      kernelRoutes: BigInt(speaker.kernelRoutes),
      restarting: speaker.isRestarting,
    })),
  };
}

/** @throws RpcError for what is no prefix */
function routesAskedFor(speaker: Speaker, { prefix, peer }: bgpV1.ListRoutesRequest): Iterable<bgpV1.Route> {
  const only = prefix === '' ? undefined : tryParseCidr(prefix);
  if (prefix !== '' && only === undefined)
    throw new RpcError('INVALID_ARGUMENT', `prefix: '${prefix}' is not a prefix`);
  return routeStatuses(speaker, only, peer);
}

function* inPieces(routes: Iterable<bgpV1.Route>): Generator<bgpV1.ListRoutesResponse> {
  let piece: bgpV1.Route[] = [];
  for (const route of routes) {
    piece.push(route);
    if (piece.length < routesInPiece) continue;
    yield { routes: piece };
    piece = [];
  }
  if (piece.length > 0) yield { routes: piece };
}

function findPeer(speaker: Speaker, wanted: string): Neighbor {
  const found = speaker.neighbors.find(({ config }) => config.name === wanted || peerHop(config) === wanted);
  if (found === undefined) throw new RpcError('NOT_FOUND', `there is no peer '${wanted}'`);
  return found;
}

import { familyOf, splitCidr, tryParseCidr, tryParseIp, type Family } from '@calico-node/net';
import { bgpV1, callUnary, connectUnix, readRoutes, sessionStateNames } from '@calico-node/rpc';
import type { BgpSource, PeerReport, PeerState, RouteReport, Session } from './report.ts';

const timeoutMs = 5_000;

const states: Readonly<Record<bgpV1.SessionState, PeerState>> = {
  ...sessionStateNames,
  [bgpV1.SessionState.UNSPECIFIED]: 'Idle',
};

const types: Readonly<Record<bgpV1.PeerType, NonNullable<PeerReport['type']>>> = {
  [bgpV1.PeerType.UNSPECIFIED]: 'GlobalPeer',
  [bgpV1.PeerType.NODE_MESH]: 'NodeMesh',
  [bgpV1.PeerType.NODE]: 'NodePeer',
  [bgpV1.PeerType.GLOBAL]: 'GlobalPeer',
};

function timeOf(unixMillis: bigint): string {
  return unixMillis === 0n ? '' : new Date(Number(unixMillis)).toISOString();
}

function sessionOf(peer: bgpV1.Peer): Session | undefined {
  const address = tryParseIp(peer.address);
  if (address === undefined) return undefined;
  return { address, type: types[peer.type], state: states[peer.state], since: timeOf(peer.sinceUnixMillis) };
}

function routeOf(route: bgpV1.Route, peers: readonly bgpV1.Peer[]): RouteReport {
  const peer = peers.find(({ name }) => name === route.source);
  const isLocal = route.source === 'kernel' ? 'Kernel' : route.source === 'static' ? 'Static' : undefined;
  const sourceType = isLocal ?? (peer?.type === bgpV1.PeerType.NODE_MESH ? 'NodeMesh' : 'BGPPeer');
  return {
    type: route.best ? 'FIB' : 'RIB',
    destination: route.prefix,
    ...(route.nextHop === '' ? {} : { gateway: route.nextHop }),
    ...(route.interfaceName === '' ? {} : { interface: route.interfaceName }),
    learnedFrom: { sourceType, ...(peer === undefined ? {} : { peerIP: peer.address }) },
  };
}

/** Our own daemon, over gRPC. One daemon serves both families. */
export function nativeSource(socketPath: string): BgpSource {
  const ask = async <T>(use: (client: bgpV1.BgpServiceClient) => Promise<T>): Promise<T> => {
    const client = connectUnix(bgpV1.BgpServiceClient, socketPath);
    try {
      return await use(client);
    } finally {
      client.close();
    }
  };
  const listPeers = (client: bgpV1.BgpServiceClient): Promise<bgpV1.ListPeersResponse> =>
    callUnary(client.listPeers.bind(client), bgpV1.ListPeersRequest.create(), { timeoutMs });
  const status = (): Promise<bgpV1.GetStatusResponse> =>
    ask((client) => callUnary(client.getStatus.bind(client), bgpV1.GetStatusRequest.create(), { timeoutMs }));
  return {
    name: `bgp-daemon on ${socketPath}`,
    sessions: async (family: Family) => {
      const { peers } = await ask(listPeers);
      return peers.flatMap((peer) => sessionOf(peer) ?? []).filter(({ address }) => familyOf(address) === family);
    },
    isRestarting: async () => (await status()).restarting,
    agent: async () => {
      const { version, routerId, startedUnixMillis, configuredUnixMillis } = await status();
      return {
        state: configuredUnixMillis === 0n ? 'NotReady' : 'Ready',
        version: `calico-node BGP ${version}`,
        routerID: routerId,
        lastBootTime: timeOf(startedUnixMillis),
        lastReconfigurationTime: timeOf(configuredUnixMillis),
      };
    },
    routes: (family) =>
      ask(async (client) => {
        const { peers } = await listPeers(client);
        const isWanted = ({ prefix }: bgpV1.Route): boolean => {
          const cidr = tryParseCidr(prefix);
          return cidr !== undefined && splitCidr(cidr).family === family;
        };
        const routes = await readRoutes(client, bgpV1.ListRoutesRequest.create(), { timeoutMs });
        return routes.filter(isWanted).map((route) => routeOf(route, peers));
      }),
  };
}

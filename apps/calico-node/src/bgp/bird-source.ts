import {
  birdCommand,
  birdSocket,
  parseBirdPeers,
  parseBirdRoutes,
  parseBirdStatus,
  type BirdPeer,
  type BirdRoute,
  type BirdStatus,
  type ReplyLine,
} from '@calico-node/bird';
import { familyOf, type Family } from '@calico-node/net';
import type { BgpSource, PeerReport, PeerState, RouteReport } from './report.ts';

const types: Readonly<Record<BirdPeer['type'], NonNullable<PeerReport['type']>>> = {
  mesh: 'NodeMesh',
  node: 'NodePeer',
  global: 'GlobalPeer',
};

const states: readonly PeerState[] = ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established', 'Close'];

/** BIRD's `Passive` waits as `Active` does; what is down is idle. */
function stateOf(text: string): PeerState {
  return states.find((state) => state === text) ?? (text === 'Passive' ? 'Active' : 'Idle');
}

function sourceOf(protocol: string): NonNullable<NonNullable<RouteReport['learnedFrom']>['sourceType']> {
  if (protocol.startsWith('kernel')) return 'Kernel';
  if (protocol.startsWith('static')) return 'Static';
  if (protocol.startsWith('direct')) return 'Direct';
  return protocol.startsWith('Mesh_') ? 'NodeMesh' : 'BGPPeer';
}

function routeOf(route: BirdRoute, peers: readonly BirdPeer[]): RouteReport {
  const peer = peers.find(({ name }) => name === route.protocol)?.address ?? route.from;
  return {
    type: route.isBest ? 'FIB' : 'RIB',
    destination: route.destination,
    ...(route.gateway === undefined ? {} : { gateway: route.gateway }),
    ...(route.interfaceName === undefined ? {} : { interface: route.interfaceName }),
    learnedFrom: { sourceType: sourceOf(route.protocol), ...(peer === undefined ? {} : { peerIP: peer }) },
  };
}

/** BIRD, over its control sockets in the run directory: one for each family. */
export function birdSource(runDir: string): BgpSource {
  const ask = (family: Family, command: string): Promise<readonly ReplyLine[]> =>
    birdCommand(birdSocket(runDir, family === 4 ? 'bird' : 'bird6'), command);
  const peers = async (family: Family): Promise<readonly BirdPeer[]> =>
    parseBirdPeers(await ask(family, 'show protocols all'));
  const status = async (family: Family): Promise<BirdStatus> => parseBirdStatus(await ask(family, 'show status'));
  return {
    name: 'BIRD',
    sessions: async (family) =>
      (await peers(family))
        .filter(({ address }) => familyOf(address) === family)
        .map(({ address, type, sessionState, since }) => ({
          address,
          type: types[type],
          state: stateOf(sessionState),
          since,
        })),
    isRestarting: async (family) => (await status(family)).isRecovering,
    agent: async (family) => {
      const { version, routerId, lastBoot, lastReconfiguration, isRecovering } = await status(family);
      return {
        state: isRecovering ? 'NotReady' : 'Ready',
        version: `BIRD ${version}`,
        routerID: routerId,
        lastBootTime: lastBoot,
        lastReconfigurationTime: lastReconfiguration,
      };
    },
    routes: async (family) => {
      const known = await peers(family);
      return parseBirdRoutes(await ask(family, 'show route')).map((route) => routeOf(route, known));
    },
  };
}

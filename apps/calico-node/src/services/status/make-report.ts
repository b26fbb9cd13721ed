import type { CalicoNodeStatus } from '@calico-node/model';
import type { Family } from '@calico-node/net';
import type { AgentReport, BgpSource, PeerReport, RouteReport } from '../../bgp/report.ts';

type Status = NonNullable<CalicoNodeStatus['status']>;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A daemon that does not answer is not ready, and tells nothing else. */
async function agentOf(source: BgpSource, family: Family): Promise<AgentReport> {
  try {
    return await source.agent(family);
  } catch {
    return { state: 'NotReady' };
  }
}

async function peersOf(source: BgpSource, family: Family): Promise<readonly PeerReport[]> {
  try {
    const sessions = await source.sessions(family);
    return sessions.map(({ address, type, state, since }) => ({ peerIP: address, type, state, since }));
  } catch {
    return [];
  }
}

async function routesOf(source: BgpSource, family: Family): Promise<readonly RouteReport[]> {
  try {
    return await source.routes(family);
  } catch {
    return [];
  }
}

/** What a CalicoNodeStatus asks for, as of now. A daemon that does not answer shows in `agent`. */
export async function makeReport(
  classes: NonNullable<CalicoNodeStatus['spec']['classes']>,
  source: BgpSource,
  now: Date,
): Promise<Status> {
  const result: Writable<Status> = {
    lastUpdated: `${now.toISOString().slice(0, 19)}Z`,
    agent: { birdV4: {}, birdV6: {} },
    bgp: bgpOf([], []),
    routes: {},
  };
  if (classes.includes('Agent')) {
    const [birdV4, birdV6] = await Promise.all([agentOf(source, 4), agentOf(source, 6)]);
    result.agent = { birdV4, birdV6 };
  }
  if (classes.includes('BGP')) {
    const [v4, v6] = await Promise.all([peersOf(source, 4), peersOf(source, 6)]);
    result.bgp = bgpOf(v4, v6);
  }
  if (classes.includes('Routes')) {
    const [routesV4, routesV6] = await Promise.all([routesOf(source, 4), routesOf(source, 6)]);
    result.routes = { routesV4: [...routesV4], routesV6: [...routesV6] };
  }
  return result;
}

function bgpOf(peersV4: readonly PeerReport[], peersV6: readonly PeerReport[]): NonNullable<Status['bgp']> {
  const up = (peers: readonly PeerReport[]): number => peers.filter(({ state }) => state === 'Established').length;
  return {
    numberEstablishedV4: up(peersV4),
    numberNotEstablishedV4: peersV4.length - up(peersV4),
    numberEstablishedV6: up(peersV6),
    numberNotEstablishedV6: peersV6.length - up(peersV6),
    ...(peersV4.length === 0 ? {} : { peersV4: [...peersV4] }),
    ...(peersV6.length === 0 ? {} : { peersV6: [...peersV6] }),
  };
}

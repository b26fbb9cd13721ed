import type { CalicoNodeStatus } from '@calico-node/model';
import type { Family, IpAddress } from '@calico-node/net';

type Status = NonNullable<CalicoNodeStatus['status']>;
export type AgentReport = NonNullable<NonNullable<Status['agent']>['birdV4']>;
export type RouteReport = NonNullable<NonNullable<Status['routes']>['routesV4']>[number];
export type PeerReport = NonNullable<NonNullable<Status['bgp']>['peersV4']>[number];
export type PeerState = NonNullable<PeerReport['state']>;

/** A session with one of the neighbours that confd configures. */
export interface Session {
  readonly address: IpAddress;
  readonly type: NonNullable<PeerReport['type']>;
  readonly state: PeerState;
  /** As the daemon writes times. */
  readonly since: string;
}

/** What the probes and the status reports ask of the node's BGP daemon, whichever it is. All reject without one. */
export interface BgpSource {
  /** For messages. */
  readonly name: string;
  sessions(family: Family): Promise<readonly Session[]>;
  /** Whether the daemon still recovers from a restart. */
  isRestarting(family: Family): Promise<boolean>;
  agent(family: Family): Promise<AgentReport>;
  routes(family: Family): Promise<readonly RouteReport[]>;
}

import type { BmpPeerUp, DownReason, PathAttributes, Session } from '@calico-node/bgp';
import type { Cidr, Family } from '@calico-node/net';
import type { NeighborConfig } from '../config/daemon-config.ts';

/** Is told what happens in the sessions, before the speaker acts on it. */
export interface SessionObserver {
  established(neighbor: NeighborConfig, session: Session, up: BmpPeerUp): void;
  down(neighbor: NeighborConfig, reason: DownReason): void;
  /** Wants to be told of UPDATEs. */
  readonly wantsUpdates: boolean;
  /** A whole UPDATE of an established session, valid during the call only. */
  update(neighbor: NeighborConfig, message: Uint8Array): void;
  /** Wants to be told of outcomes. */
  readonly wantsOutcomes: boolean;
  /** What import filters have made of a route; nothing where they reject it, or it is withdrawn. */
  outcome(neighbor: NeighborConfig, route: RouteName, attributes: PathAttributes | undefined): void;
  /** The neighbour has told its whole table of the family (RFC 4724 2), and all outcomes have been told of. */
  endOfRib(neighbor: NeighborConfig, family: Family): void;
}

export interface RouteName {
  readonly prefix: Cidr;
  /** RFC 7911; 0 without it. */
  readonly pathId: number;
}

const nobody: readonly SessionObserver[] = [];

function wantsOutcomes(observer: SessionObserver): boolean {
  return observer.wantsOutcomes;
}

/** Those that want to know what becomes of routes: asked for each message, and nearly always there are none. */
export function observersOfOutcomes(observers: readonly SessionObserver[]): readonly SessionObserver[] {
  return observers.some(wantsOutcomes) ? observers.filter(wantsOutcomes) : nobody;
}

import type { BmpPeerUp, DownReason, Session } from '@calico-node/bgp';
import type { NeighborConfig } from '../config/daemon-config.ts';

/** Is told what happens in the sessions, before the speaker acts on it. */
export interface SessionObserver {
  established(neighbor: NeighborConfig, session: Session, up: BmpPeerUp): void;
  down(neighbor: NeighborConfig, reason: DownReason): void;
  /** A whole UPDATE of an established session, valid during the call only. */
  update(neighbor: NeighborConfig, message: Uint8Array): void;
}

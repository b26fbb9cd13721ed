import type { Rib } from '../rib/rib.ts';
import type { AttributeTable } from '../rib/attribute-table.ts';
import type { NextHop } from '@calico-node/bgp';
import type { Family } from '@calico-node/net';
import type { NodeLink } from '../fib/kernel-table.ts';
import type { DaemonConfig } from '../config/daemon-config.ts';
import type { SessionObserver } from '../session/observer.ts';
import type { UpdateGroups } from './update-groups.ts';

/** What the parts of the speaker share. */
export interface SpeakerContext {
  readonly ribs: Readonly<Record<Family, Rib>>;
  readonly attributes: AttributeTable;
  readonly groups: UpdateGroups;
  readonly observers: readonly SessionObserver[];
  /** The configuration in force. */
  config(): DaemonConfig;
  isLocalAddress(address: NextHop): boolean;
  /** The link that this node has in common with a peer. */
  linkTowards(peer: NextHop): NodeLink | undefined;
  /** This process found the routes of an earlier one, and has not caught up with its peers yet. */
  isRestarting(): boolean;
  /** There is work for the next turn. */
  wake(): void;
  /** Something that convergence or readiness depends on has changed. */
  sessionsChanged(): void;
}

import type { Family } from '@calico-node/net';

/** Best paths that a sink is told. */
export interface LocRibWatch {
  /** How many there are at present, by family. */
  sizes(): ReadonlyMap<Family, number>;
  /** Ends it. */
  end(): void;
}

/** Somebody beside the peers who is told UPDATEs: a monitoring station. */
export interface UpdateSink {
  /** Takes whole messages, one after the other. */
  send(messages: Uint8Array): void;
  /** Takes nothing now; whoever says so wakes the speaker later. */
  isCongested(): boolean;
}

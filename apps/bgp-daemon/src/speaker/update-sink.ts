/** Somebody beside the peers who is told UPDATEs: a monitoring station. */
export interface UpdateSink {
  /** Takes whole messages, one after the other. */
  send(messages: Uint8Array): void;
  /** Takes nothing now; whoever says so wakes the speaker later. */
  isCongested(): boolean;
}

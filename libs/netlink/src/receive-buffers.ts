/** A dump's parts have at most 32 KB; an error echoes its request, which can be longer than one attribute. */
const RECEIVE_BYTES = 128 * 1024;
/** So many buffers of closed sockets are kept: as many as attaching a workload has open at once. */
const KEPT = 4;

const spare: Uint8Array[] = [];

/** A socket's receive buffer, with anything in it. Sockets that live for one job share theirs one after another. */
export function takeReceiveBuffer(): Uint8Array {
  return spare.pop() ?? new Uint8Array(RECEIVE_BYTES);
}

/** Gives back a closed socket's buffer. It is used again in a later turn of the event loop: in this one, who closed the
 * socket may be in the middle of a message. */
export function giveBackReceiveBuffer(buffer: Uint8Array): void {
  setImmediate(() => {
    if (spare.length < KEPT) spare.push(buffer);
  }).unref();
}

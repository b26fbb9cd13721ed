import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { bgpV1 } from '@calico-node/rpc';

type DumpCall = Parameters<bgpV1.BgpServiceServer['dumpTable']>[0];

/** Sends the pieces as fast as the caller takes them, one for each turn of the event loop. */
export async function sendDump(pieces: Iterable<Uint8Array>, call: DumpCall): Promise<void> {
  for (const piece of pieces) {
    if (call.cancelled) return;
    const isTaken = call.write({ data: Buffer.from(piece) });
    if (isTaken) await nextTurn();
    else await Promise.race([once(call, 'drain'), once(call, 'cancelled')]);
  }
  call.end();
}

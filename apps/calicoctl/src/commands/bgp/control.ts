import { CommandError, type Io } from '../../io.ts';
import { openBgpDaemon } from './daemon.ts';

/** What a NOTIFICATION has room for (RFC 9003 2). */
const MAX_MESSAGE_OCTETS = 255;

/** `calicoctl bgp shutdown PEER`: ends a session until it is reloaded. */
export async function bgpShutdown(io: Io, peer: string, message: string): Promise<void> {
  if (Buffer.byteLength(message) > MAX_MESSAGE_OCTETS) {
    throw new CommandError(`the message is longer than ${MAX_MESSAGE_OCTETS} octets`);
  }
  const daemon = await openBgpDaemon(io);
  await daemon.shutdown(peer, message);
  io.out(`Session with ${peer} shut down; 'calicoctl bgp reload ${peer}' starts it again.\n`);
}

/** `calicoctl bgp reload [PEER]`: has routes told anew, or sessions begun anew. */
export async function bgpReload(io: Io, peer: string, hard: boolean): Promise<void> {
  const daemon = await openBgpDaemon(io);
  const { refreshed, restarted } = await daemon.reload(peer, hard);
  io.out(`Refreshed: ${refreshed}, started anew: ${restarted}.\n`);
}

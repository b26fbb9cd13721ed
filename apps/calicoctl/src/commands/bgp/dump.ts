import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { bgpV1, connectUnix } from '@calico-node/rpc';
import { nodePaths } from '@calico-node/service';
import { CommandError, type Io } from '../../io.ts';
import { isListening } from '../listening.ts';
import { birdsIn } from './bird-daemon.ts';

/**
 * `calicoctl bgp dump FILE`: the daemon's whole table as MRT (RFC 6396).
 * @throws CommandError when the daemon does not run, or the file cannot be written.
 */
export async function bgpDump(io: Io, file: string): Promise<void> {
  const { bgpSocket, runDir } = nodePaths(io.env);
  if (!(await isListening(bgpSocket)) && (await birdsIn(runDir)).length > 0) {
    throw new CommandError("BIRD is this node's BGP daemon, which writes its table by itself: see its protocol mrt");
  }
  const client = connectUnix(bgpV1.BgpServiceClient, bgpSocket);
  let size = 0;
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of client.dumpTable({}) as AsyncIterable<bgpV1.DumpTableResponse>) {
      size += piece.data.length;
      yield piece.data;
    }
  };
  try {
    await pipeline(Readable.from(pieces()), createWriteStream(file));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`cannot write the table of the BGP daemon on ${bgpSocket} to ${file}: ${reason}`, {
      cause: error,
    });
  } finally {
    client.close();
  }
  io.out(`Wrote ${size} bytes to ${file}.\n`);
}

import { createConnection } from 'node:net';
import { bgpV1, callUnary, connectUnix, isRpcError } from '@calico-node/rpc';
import { nodePaths, type NodePaths } from '@calico-node/service';
import { CommandError, type Io } from '../../io.ts';
import { requireRoot } from './require-root.ts';
import { peerTable } from '../../output/peer-table.ts';

const CONNECT_TIMEOUT_MS = 1000;
const CALL_TIMEOUT_MS = 5000;

/**
 * `calicoctl node status`: whether this node's processes run, and its BGP sessions by family.
 * @throws CommandError when not root, when no process runs, or when the BGP daemon answers with an error.
 */
export async function nodeStatus(io: Io): Promise<void> {
  requireRoot(io);
  const paths = nodePaths(io.env);
  if (!(await isAnyAlive(paths))) throw new CommandError('Calico process is not running.');
  io.out('Calico process is running.\n');
  const peers = await listPeers(paths.bgpSocket);
  if (peers === undefined) {
    io.out('\nThe BGP backend process (bgp-daemon) is not running.\n');
    return;
  }
  for (const family of [4, 6] as const) {
    const ofFamily = peers.filter((peer) => peer.address.includes(':') === (family === 6));
    io.out(`\nIPv${family} BGP status\n`);
    io.out(ofFamily.length === 0 ? `No IPv${family} peers found.\n` : peerTable(ofFamily, io.now()));
  }
  io.out('\n');
}

async function isAnyAlive({ nodeSocket, felixSocket, bgpSocket }: NodePaths): Promise<boolean> {
  const alive = await Promise.all([nodeSocket, felixSocket, bgpSocket].map(accepts));
  return alive.includes(true);
}

/** Whether a process listens on a unix socket. */
function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const answer = (isAlive: boolean): void => {
      socket.destroy();
      resolve(isAlive);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => {
      answer(false);
    });
    socket.once('connect', () => {
      answer(true);
    });
    socket.once('error', () => {
      answer(false);
    });
  });
}

/** The daemon's sessions; nothing when no daemon listens. */
async function listPeers(socket: string): Promise<readonly bgpV1.Peer[] | undefined> {
  const client = connectUnix(bgpV1.BgpServiceClient, socket);
  try {
    const { peers } = await callUnary(client.listPeers.bind(client), {}, { timeoutMs: CALL_TIMEOUT_MS });
    return peers;
  } catch (error) {
    if (isRpcError(error, 'UNAVAILABLE')) return undefined;
    throw new CommandError(`the BGP daemon did not answer: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  } finally {
    client.close();
  }
}

import {
  birdCommand,
  BirdError,
  birdNames,
  birdSocket,
  parseBirdPeers,
  type BirdName,
  type BirdPeer,
} from '@calico-node/bird';
import { bgpV1, callUnary, connectUnix, isRpcError } from '@calico-node/rpc';
import { nodePaths, type NodePaths } from '@calico-node/service';
import { CommandError, type Io } from '../../io.ts';
import { isListening } from '../listening.ts';
import { requireRoot } from './require-root.ts';
import { birdPeerTable, peerTable } from '../../output/peer-table.ts';

const CALL_TIMEOUT_MS = 5000;

/**
 * `calicoctl node status`: whether this node's processes run, and its BGP sessions by family, of our daemon or of
 * BIRD.
 * @throws CommandError when not root, when no process runs, or when the BGP daemon answers with an error.
 */
export async function nodeStatus(io: Io): Promise<void> {
  requireRoot(io);
  const paths = nodePaths(io.env);
  if (!(await isAnyAlive(paths))) throw new CommandError('Calico process is not running.');
  io.out('Calico process is running.\n');
  const peers = await listPeers(paths.bgpSocket);
  const birds = peers === undefined ? await Promise.all(birdNames.map((name) => listBirdPeers(paths, name))) : [];
  if (peers === undefined && birds.every((found) => found === undefined)) {
    io.out('\nThe BGP backend process (bgp-daemon, or bird) is not running.\n');
    return;
  }
  for (const [index, family] of ([4, 6] as const).entries()) {
    if (peers === undefined && birds[index] === undefined) {
      io.out(`\nINFO: BIRDv${family} process: '${birdNames[index] ?? ''}' is not running.\n`);
      continue;
    }
    io.out(`\nIPv${family} BGP status\n`);
    const isOfFamily = ({ address }: { readonly address: string }): boolean => address.includes(':') === (family === 6);
    const ours = peers?.filter(isOfFamily) ?? [];
    const birdPeers = birds[index]?.filter(isOfFamily) ?? [];
    if (ours.length > 0) io.out(peerTable(ours, io.now()));
    else if (birdPeers.length > 0) io.out(birdPeerTable(birdPeers));
    else io.out(`No IPv${family} peers found.\n`);
  }
  io.out('\n');
}

async function isAnyAlive(paths: NodePaths): Promise<boolean> {
  const birds = birdNames.map((name) => birdSocket(paths.runDir, name));
  const alive = await Promise.all([paths.nodeSocket, paths.felixSocket, paths.bgpSocket, ...birds].map(isListening));
  return alive.includes(true);
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

/** A BIRD's sessions; nothing when it does not run. */
async function listBirdPeers({ runDir }: NodePaths, name: BirdName): Promise<readonly BirdPeer[] | undefined> {
  try {
    return parseBirdPeers(
      await birdCommand(birdSocket(runDir, name), 'show protocols all', { timeoutMs: CALL_TIMEOUT_MS }),
    );
  } catch (error) {
    if (error instanceof BirdError && error.code === 'unreachable') return undefined;
    throw new CommandError(`BIRD did not answer: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

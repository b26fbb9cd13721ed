import { connectUnix, felixV1, isRpcError, RpcError } from '@calico-node/rpc';
import { nodePaths } from '@calico-node/service';
import { CommandError, type Io } from '../../io.ts';

/** A call of this node's Felix, in milliseconds. */
export const CALL_TIMEOUT_MS = 10_000;

/** Asks this node's Felix. @throws CommandError when it does not run, or refuses. */
export async function askFelix<T>(io: Io, ask: (client: felixV1.FelixServiceClient) => Promise<T>): Promise<T> {
  const socket = nodePaths(io.env).felixSocket;
  const client = connectUnix(felixV1.FelixServiceClient, socket);
  try {
    return await ask(client);
  } catch (error) {
    if (isRpcError(error, 'UNAVAILABLE')) {
      throw new CommandError(`Felix is not running on this node: nothing answers on ${socket}.`, { cause: error });
    }
    if (error instanceof RpcError) throw new CommandError(error.message, { cause: error });
    throw error;
  } finally {
    client.close();
  }
}

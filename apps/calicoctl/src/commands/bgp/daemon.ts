import { bgpV1, callUnary, connectUnix, isRpcError } from '@calico-node/rpc';
import { nodePaths } from '@calico-node/service';
import { CommandError, type Io } from '../../io.ts';

const CALL_TIMEOUT_MS = 30_000;

/**
 * Asks this node's BGP daemon.
 * @throws CommandError when it does not run, or refuses.
 */
export async function askBgpDaemon<Request, Response>(
  io: Io,
  method: (client: bgpV1.BgpServiceClient) => Parameters<typeof callUnary<Request, Response>>[0],
  request: Request,
): Promise<Response> {
  const { bgpSocket } = nodePaths(io.env);
  const client = connectUnix(bgpV1.BgpServiceClient, bgpSocket);
  try {
    return await callUnary(method(client), request, { timeoutMs: CALL_TIMEOUT_MS });
  } catch (error) {
    if (isRpcError(error, 'UNAVAILABLE')) {
      throw new CommandError(`no BGP daemon listens on ${bgpSocket}: does calico-node run here?`, { cause: error });
    }
    throw new CommandError(`the BGP daemon: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  } finally {
    client.close();
  }
}

import { bgpV1, callUnary, connectUnix, RpcError } from '@calico-node/rpc';

/** How long the daemon may take to check and apply a configuration. */
const APPLY_TIMEOUT_MS = 10_000;

/** gRPC's number of the state of a channel with a connection. */
const READY = 2;

/** The way to the node's BGP daemon. */
export interface DaemonLink {
  /**
   * Hands over a configuration. Throws RpcError: `INVALID_ARGUMENT` when the daemon refuses it, `UNAVAILABLE`
   * when it is away, or went away before its answer was seen.
   */
  apply(config: bgpV1.BgpConfig, signal: AbortSignal): Promise<bgpV1.ApplyConfigResponse>;
  close(): void;
}

/**
 * Connects to the daemon's socket. `onLost` is called each time an established connection ends, so also
 * when the daemon was restarted: what it accepted before then counts no more.
 */
export function linkDaemon(socketPath: string, onLost: () => void): DaemonLink {
  const client = connectUnix(bgpV1.BgpServiceClient, socketPath);
  const channel = client.getChannel();
  let losses = 0;
  let isClosed = false;
  const watchFrom = (state: ReturnType<typeof channel.getConnectivityState>): void => {
    channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, () => {
      if (isClosed) return;
      if (state.valueOf() === READY) {
        losses += 1;
        onLost();
      }
      watchFrom(channel.getConnectivityState(false));
    });
  };
  watchFrom(channel.getConnectivityState(false));
  return {
    apply: async (config, signal) => {
      const lossesBefore = losses;
      const options = { timeoutMs: APPLY_TIMEOUT_MS, signal };
      const response = await callUnary(client.applyConfig.bind(client), { config }, options);
      if (losses === lossesBefore) return response;
      throw new RpcError('UNAVAILABLE', 'the connection was lost after the configuration was applied');
    },
    close: () => {
      isClosed = true;
      client.close();
    },
  };
}

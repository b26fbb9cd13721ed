import { bgpV1, callUnary, connectUnix } from '@calico-node/rpc';

/** How long the daemon may take to check and apply a configuration. */
const APPLY_TIMEOUT_MS = 10_000;

/** The way to the node's BGP daemon. */
export interface DaemonLink {
  /** Hands over a configuration. Throws RpcError; `INVALID_ARGUMENT` when the daemon refuses it. */
  apply(config: bgpV1.BgpConfig, signal: AbortSignal): Promise<bgpV1.ApplyConfigResponse>;
  close(): void;
}

/**
 * Connects to the daemon's socket. `onLost` is called each time an established connection ends, so also
 * when the daemon was restarted: what it accepted before then counts no more.
 */
export function linkDaemon(socketPath: string, onLost: () => void): DaemonLink {
  const client = connectUnix(bgpV1.BgpServiceClient, socketPath);
  let isWatched = false;
  let isClosed = false;
  const watchConnection = (): void => {
    if (isWatched) return;
    isWatched = true;
    const channel = client.getChannel();
    channel.watchConnectivityState(channel.getConnectivityState(false), Number.POSITIVE_INFINITY, () => {
      isWatched = false;
      if (!isClosed) onLost();
    });
  };
  return {
    apply: async (config, signal) => {
      const response = await callUnary(
        client.applyConfig.bind(client),
        { config },
        { timeoutMs: APPLY_TIMEOUT_MS, signal },
      );
      watchConnection();
      return response;
    },
    close: () => {
      isClosed = true;
      client.close();
    },
  };
}

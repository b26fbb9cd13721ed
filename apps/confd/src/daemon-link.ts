import { bgpV1, callUnary, connectUnix, RpcError } from '@calico-node/rpc';

/** How long the daemon may take to check and apply a configuration. */
const APPLY_TIMEOUT_MS = 10_000;

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
  let losses = 0;
  const client = connectUnix(bgpV1.BgpServiceDefinition, socketPath, {
    onLost: () => {
      losses += 1;
      onLost();
    },
  });
  return {
    apply: async (config, signal) => {
      const lossesBefore = losses;
      const options = { timeoutMs: APPLY_TIMEOUT_MS, signal };
      const response = await callUnary(client.applyConfig.bind(client), { config }, options);
      if (losses === lossesBefore) return response;
      throw new RpcError('UNAVAILABLE', 'the connection was lost after the configuration was applied');
    },
    close: () => {
      client.close();
    },
  };
}

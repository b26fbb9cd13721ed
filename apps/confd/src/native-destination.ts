import { bgpV1, isRpcError } from '@calico-node/rpc';
import type { DaemonLink } from './daemon-link.ts';
import { NotApplied, type Destination } from './destination.ts';

/** The node's own BGP daemon. It is told a configuration once, until it may have been restarted. */
export class NativeDestination implements Destination<bgpV1.BgpConfig> {
  readonly #link: DaemonLink;
  #accepted: Buffer | undefined;

  constructor(link: DaemonLink) {
    this.#link = link;
  }

  /** The daemon may have been restarted: what it accepted before counts no more. */
  linkLost(): void {
    this.#accepted = undefined;
  }

  async apply(config: bgpV1.BgpConfig, signal: AbortSignal): Promise<Record<string, unknown> | undefined> {
    const encoded = Buffer.from(bgpV1.BgpConfig.encode(config).finish());
    if (this.#accepted?.equals(encoded) === true) return undefined;
    try {
      const counts = await this.#link.apply(config, signal);
      this.#accepted = encoded;
      return { neighbors: config.neighbors.length, ...counts };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw isRpcError(error, 'INVALID_ARGUMENT')
        ? new NotApplied('refused', `the BGP daemon refuses the configuration: ${message}`, { cause: error })
        : new NotApplied('unreachable', `the BGP daemon can't be reached: ${message}`, { cause: error });
    }
  }
}

import type { IpAddress } from '@calico-node/net';
import type { ConntrackSocket } from '@calico-node/netlink/conntrack';
import type { Logger } from '@calico-node/service';

export interface WithdrawnConnectionsOptions {
  readonly connections: Pick<ConntrackSocket, 'forget'>;
  readonly log: Pick<Logger, 'warn'>;
}

/** Has the kernel forget the connections of addresses that endpoints have no more, beside other work. */
export class WithdrawnConnections {
  readonly #options: WithdrawnConnectionsOptions;
  #forgetting: Promise<void> | undefined;

  constructor(options: WithdrawnConnectionsOptions) {
    this.#options = options;
  }

  /**
   * Until what was begun is done; nothing when nothing is under way. Whoever gets such an address before that could lose
   * connections of its own, or be reached by those of another.
   */
  get settled(): Promise<void> | undefined {
    return this.#forgetting;
  }

  forget(addresses: ReadonlySet<IpAddress>): void {
    const { connections, log } = this.#options;
    if (addresses.size === 0) return;
    const forgetting = connections.forget(addresses).catch((error: unknown) => {
      // They end by themselves in time, and routes and rules are as they should be.
      log.warn(
        { err: error, addresses: [...addresses] },
        'the kernel still knows connections of workloads that are gone',
      );
    });
    this.#forgetting = Promise.all([this.#forgetting, forgetting]).then(() => {
      this.#forgetting = undefined;
    });
  }
}

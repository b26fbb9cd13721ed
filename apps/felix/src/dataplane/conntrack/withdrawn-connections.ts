import type { ConntrackSocket } from '@calico-node/netlink/conntrack';
import type { Logger } from '@calico-node/service';
import { withFloating } from '../floating.ts';
import { withdrawnAddresses, type EndpointAddressChange } from './withdrawn-addresses.ts';

export interface WithdrawnConnectionsOptions {
  readonly connections: Pick<ConntrackSocket, 'forget'>;
  /** Whether floating addresses are in use. */
  readonly floatingIps: boolean;
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
   * connections of its own.
   */
  get settled(): Promise<void> | undefined {
    return this.#forgetting;
  }

  take(changes: readonly EndpointAddressChange[]): void {
    const { connections, floatingIps, log } = this.#options;
    const addresses = withdrawnAddresses(
      floatingIps
        ? changes.map(({ before, endpoint }) => ({
            before: before && withFloating(before),
            endpoint: endpoint && withFloating(endpoint),
          }))
        : changes,
    );
    if (addresses.size === 0) return;
    const forgetting = connections.forget(addresses).catch((error: unknown) => {
      // They end by themselves in time, and routes and rules are as they should be.
      log.warn(
        { err: error, addresses: [...addresses] },
        'the kernel still knows connections of workloads that are gone',
      );
    });
    this.#forgetting = forgetting.finally(() => {
      this.#forgetting = undefined;
    });
  }
}

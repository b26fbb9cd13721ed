import { cidrContains } from '@calico-node/net';
import type { Logger } from '@calico-node/service';
import type { StateName } from '@calico-node/bgp';
import {
  peerHop,
  type DaemonConfig,
  type DynamicNeighborConfig,
  type NeighborConfig,
  type PeerAddress,
} from '../config/daemon-config.ts';
import type { Neighbor } from './neighbor.ts';

const restingStates: ReadonlySet<StateName> = new Set<StateName>(['Idle', 'Active', 'Connect']);

/** Which of the neighbours came from a network of dynamic ones, instead of being configured themselves. */
export class DynamicNeighbors {
  readonly #names = new Set<string>();
  readonly #neighbors: ReadonlyMap<string, Neighbor>;
  readonly #log: Logger;

  /** @param neighbors all there are, by name; kept by the owner. */
  constructor(neighbors: ReadonlyMap<string, Neighbor>, log: Logger) {
    this.#neighbors = neighbors;
    this.#log = log;
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  forget(name: string): void {
    this.#names.delete(name);
  }

  /** As what those that are here are configured now; without those for whom there is no network any more. */
  configured(config: DaemonConfig): NeighborConfig[] {
    return this.#here().flatMap((neighbor) => {
      const range = rangeOf(config, neighbor.config);
      return range === undefined ? [] : [range.configOf(neighbor.config)];
    });
  }

  /** As what somebody who comes is configured from now on; undefined without a network for it, or room in that. */
  welcome(config: DaemonConfig, peer: PeerAddress): NeighborConfig | undefined {
    const range = rangeOf(config, peer);
    if (range === undefined) return undefined;
    const { prefix, limit } = range;
    const others = this.#here().filter((neighbor) => isIn(range, neighbor.config));
    if (others.length >= limit) {
      this.#log.warn({ remote: peerHop(peer), prefix, limit }, 'too many dynamic neighbours');
      return undefined;
    }
    const made = range.configOf(peer);
    this.#names.add(made.name);
    return made;
  }

  /** Those that have left, and whose routes are not kept either. */
  gone(): Neighbor[] {
    return this.#here().filter(
      ({ session, isRetained, isShutDown, state }) =>
        session === undefined && !isRetained && !isShutDown && restingStates.has(state),
    );
  }

  #here(): Neighbor[] {
    return [...this.#names].flatMap((name) => this.#neighbors.get(name) ?? []);
  }
}

function rangeOf({ dynamicNeighbors }: DaemonConfig, peer: PeerAddress): DynamicNeighborConfig | undefined {
  return dynamicNeighbors.find((range) => isIn(range, peer));
}

function isIn({ prefix, interfaceName, takesLinkLocal }: DynamicNeighborConfig, peer: PeerAddress): boolean {
  if (!cidrContains(prefix, peer.address)) return false;
  if (peer.interfaceName !== undefined && !takesLinkLocal) return false;
  return interfaceName === undefined || interfaceName === peer.interfaceName;
}

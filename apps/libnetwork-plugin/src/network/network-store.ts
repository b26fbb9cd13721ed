import { isDatastoreError, type CallOptions, type Resources } from '@calico-node/datastore';
import type { IPPool } from '@calico-node/model';
import { familyOf, parseCidr, type Cidr } from '@calico-node/net';
import { networkProfile, type EndpointStore } from '@calico-node/workload';
import { serves, withNetwork, withoutNetwork } from './pool-networks.ts';

/** How often a write begins again when others write the same pool. */
const attempts = 20;

/** The profile of a network that was created without `--subnet`: no pool gives it a name. */
function ownProfileName(networkId: string): string {
  return `libnetwork.${networkId.slice(0, 12)}`;
}

/** Docker's networks, as the store knows them: by their pools, or by a profile of their own. */
export class NetworkStore {
  readonly #resources: Resources;
  readonly #endpoints: EndpointStore;

  constructor(resources: Resources, endpoints: EndpointStore) {
    this.#resources = resources;
    this.#endpoints = endpoints;
  }

  /** All IP pools, IPv4 first. */
  async pools(options: CallOptions): Promise<readonly IPPool[]> {
    const { items } = await this.#resources.list('IPPool', undefined, options);
    return [...items].sort((a, b) => familyOf(parseCidr(a.spec.cidr)) - familyOf(parseCidr(b.spec.cidr)));
  }

  /** @returns undefined when there is none of that network. */
  async poolOf(cidr: Cidr, options: CallOptions): Promise<IPPool | undefined> {
    return (await this.pools(options)).find((pool) => parseCidr(pool.spec.cidr) === cidr);
  }

  /** Notes that a pool serves a network. @throws DatastoreError `not-found` when the pool is gone. */
  async noteNetwork(pool: IPPool, networkId: string, node: string, options: CallOptions): Promise<void> {
    await this.#change(pool, (current) => withNetwork(current, networkId, node), options);
  }

  /** Makes the profile by which a network without pools of its own is known. */
  async noteNetworkWithoutPool(networkId: string, options: CallOptions): Promise<void> {
    await this.#endpoints.ensureProfile(networkProfile(ownProfileName(networkId)), options);
  }

  /**
   * The profile of a network: its pool's name (the IPv4 one's, of two), or its own.
   *
   * @returns undefined for a network that the store does not know.
   */
  async profileOf(networkId: string, options: CallOptions): Promise<string | undefined> {
    const pool = (await this.pools(options)).find((candidate) => serves(candidate, networkId));
    if (pool !== undefined) return pool.metadata.name;
    const name = ownProfileName(networkId);
    return (await this.#hasProfile(name, options)) ? name : undefined;
  }

  /** Forgets a network. A pool's profile stays: networks of other nodes may use it, and the operator may own it. */
  async forgetNetwork(networkId: string, options: CallOptions): Promise<void> {
    for (const pool of await this.pools(options)) {
      if (serves(pool, networkId)) {
        await this.#change(pool, (current) => withoutNetwork(current, networkId), options).catch(unlessNotFound);
      }
    }
    await this.#resources.delete('Profile', ownProfileName(networkId), undefined, options).catch(unlessNotFound);
  }

  async #hasProfile(name: string, options: CallOptions): Promise<boolean> {
    try {
      await this.#resources.get('Profile', name, undefined, options);
      return true;
    } catch (error) {
      if (isDatastoreError(error, 'not-found')) return false;
      throw error;
    }
  }

  async #change(pool: IPPool, change: (current: IPPool) => IPPool, options: CallOptions): Promise<void> {
    for (let current = pool, attempt = 1; ; attempt++) {
      try {
        await this.#resources.update(change(current), options);
        return;
      } catch (error) {
        if (!isDatastoreError(error, 'conflict') || attempt === attempts) throw error;
        current = await this.#resources.get('IPPool', pool.metadata.name, undefined, options);
      }
    }
  }
}

function unlessNotFound(error: unknown): void {
  if (!isDatastoreError(error, 'not-found')) throw error;
}

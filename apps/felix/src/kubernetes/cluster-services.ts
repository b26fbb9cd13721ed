/**
 * What Felix takes from the Kubernetes API besides the store, each only once something needs it: the endpoint slices
 * that rules name by their service, and services' addresses outside the cluster.
 */
import type { FollowedObjects, KubernetesClient, KubernetesObject } from '@calico-node/kubernetes';
import type { IpAddress } from '@calico-node/net';
import type { Logger } from '@calico-node/service';

const SLICES = '/apis/discovery.k8s.io/v1/endpointslices';
const SERVICES = '/api/v1/services';

export interface ClusterServicesOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * What is known of a collection: `waiting` for its first list; `listed`; `refused`, the API does not let us; `absent`,
 * there is no Kubernetes here.
 */
export type Knowledge = FollowedObjects['state'] | 'absent';

/** A collection that is followed, or will be when the API's client is there. */
class Collection {
  followed: FollowedObjects | undefined;
  isAbsent = false;

  get knowledge(): Knowledge {
    return this.isAbsent ? 'absent' : (this.followed?.state ?? 'waiting');
  }
}

export class ClusterServices implements Disposable {
  readonly #options: ClusterServicesOptions;
  #client: Promise<KubernetesClient | undefined> | undefined;
  #open: KubernetesClient | undefined;

  constructor(options: ClusterServicesOptions) {
    this.#options = options;
  }

  /**
   * Follows endpoint slices: `onSlice` has each as JSON, undefined when it is gone; `onChange` comes after some of them,
   * and when the API says no or there is none.
   */
  followSlices(
    onSlice: (id: string, json: string | undefined) => void,
    onChange: () => void,
  ): { readonly knowledge: Knowledge } {
    const onObject = (id: string, object: KubernetesObject | undefined): void => {
      onSlice(id, object === undefined ? undefined : JSON.stringify(object));
    };
    return this.#follow(SLICES, onObject, onChange);
  }

  /** Follows services: `onAddresses` has all that they have outside the cluster, whenever that may have changed. */
  followAddresses(onAddresses: (addresses: readonly IpAddress[]) => void): void {
    const addresses = new Map<string, readonly IpAddress[]>();
    void import('./load-balancer-addresses.ts').then(({ loadBalancerAddresses }) => {
      const onObject = (id: string, object: KubernetesObject | undefined): void => {
        const own = object === undefined ? [] : loadBalancerAddresses(object);
        if (own.length === 0) addresses.delete(id);
        else addresses.set(id, own);
      };
      this.#follow(SERVICES, onObject, () => {
        onAddresses([...new Set([...addresses.values()].flat())]);
      });
    });
  }

  /** Follows services whole: `onService` has each, undefined when it is gone. */
  followServices(onService: (id: string, service: KubernetesObject | undefined) => void): void {
    this.#follow(SERVICES, onService, () => undefined);
  }

  [Symbol.dispose](): void {
    this.#open?.close();
  }

  #follow(
    path: string,
    onObject: (id: string, object: KubernetesObject | undefined) => void,
    onChange: () => void,
  ): Collection {
    const collection = new Collection();
    const { log, signal } = this.#options;
    void this.#connect().then(async (client) => {
      if (client === undefined) {
        collection.isAbsent = true;
        onChange();
        return;
      }
      const { followObjects } = await import('@calico-node/kubernetes');
      // The rest of an object is nobody's here.
      collection.followed = followObjects(client, path, { onObject, onChange, keep: () => ({}), log, signal });
    });
    return collection;
  }

  /** The API that the environment names; none where it names none, or what names it cannot be read. */
  #connect(): Promise<KubernetesClient | undefined> {
    this.#client ??= (async () => {
      const { env, log } = this.#options;
      // Rare, and not small.
      const { accessOfEnvironment, KubernetesClient } = await import('@calico-node/kubernetes');
      try {
        const access = accessOfEnvironment(env);
        if (access === undefined) return undefined;
        this.#open = new KubernetesClient(access);
        return this.#open;
      } catch (error) {
        log.warn({ err: error }, 'the Kubernetes API cannot be asked');
        return undefined;
      }
    })();
    return this.#client;
  }
}

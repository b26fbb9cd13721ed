import type { BgpResources, RenderOptions } from './derive/resources.ts';
import type { ClusterObjects } from './kubernetes/cluster-objects.ts';
import type { ResourceCache } from './resource-cache.ts';

/** All that a node's configuration is rendered from: what the store holds, and what Kubernetes adds to it. */
export class StoreView {
  readonly options: RenderOptions;
  readonly #cache: ResourceCache;
  readonly #cluster: ClusterObjects | undefined;

  constructor(cache: ResourceCache, options: RenderOptions, cluster: ClusterObjects | undefined) {
    this.#cache = cache;
    this.#cluster = cluster;
    const { secretOf } = options;
    this.options = {
      ...options,
      // Files go before the API.
      secretOf: cluster === undefined ? secretOf : (name, key) => secretOf?.(name, key) ?? cluster.secretOf(name, key),
    };
  }

  /** Whether the API owes an answer without which the configuration would be another. */
  get isWaiting(): boolean {
    return this.#cluster?.isWaiting ?? false;
  }

  /** Services are asked for only where they are announced. */
  resources(): BgpResources {
    const resources = this.#cache.resources();
    if (this.#cluster === undefined || !this.#announcesServices(resources)) return resources;
    return { ...resources, services: this.#cluster.services() };
  }

  #announcesServices({ configurations }: BgpResources): boolean {
    const { advertiseClusterIps = [] } = this.options;
    const spec = configurations.find(({ metadata }) => metadata.name === 'default')?.spec ?? {};
    const { serviceClusterIPs = [], serviceExternalIPs = [], serviceLoadBalancerIPs = [] } = spec;
    return [advertiseClusterIps, serviceClusterIPs, serviceExternalIPs, serviceLoadBalancerIPs].some(
      (ranges) => ranges.length > 0,
    );
  }
}

import { isForWorkloads } from './derive/peers.ts';
import type { BgpResources, RenderOptions } from './derive/resources.ts';
import type { ClusterObjects } from './kubernetes/cluster-objects.ts';
import type { LocalWorkloads } from './local-workloads.ts';
import type { ResourceCache } from './resource-cache.ts';

/** All that a node's configuration is rendered from: what the store holds, and what Kubernetes adds to it. */
export class StoreView {
  readonly options: RenderOptions;
  readonly #cache: ResourceCache;
  readonly #cluster: ClusterObjects | undefined;
  readonly #workloads: LocalWorkloads;

  constructor(
    cache: ResourceCache,
    options: RenderOptions,
    cluster: ClusterObjects | undefined,
    workloads: LocalWorkloads,
  ) {
    this.#cache = cache;
    this.#cluster = cluster;
    this.#workloads = workloads;
    const { secretOf } = options;
    this.options = {
      ...options,
      // Files go before the API.
      secretOf: cluster === undefined ? secretOf : (name, key) => secretOf?.(name, key) ?? cluster.secretOf(name, key),
    };
  }

  /** Whether somebody owes an answer without which the configuration would be another. */
  get isWaiting(): boolean {
    return this.#workloads.isWaiting || (this.#cluster?.isWaiting ?? false);
  }

  /** Services are asked for only where they are announced, workloads where they may be peers. */
  resources(): BgpResources {
    const known = this.#cache.resources();
    const resources = known.peers.some(isForWorkloads) ? { ...known, workloads: this.#workloads.list() } : known;
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

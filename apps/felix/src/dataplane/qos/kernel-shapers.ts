import type { Link, RouteSocket } from '@calico-node/netlink';
import { type IngressFilter, tcParent, type TokenBucket, type TrafficControlSocket } from '@calico-node/netlink/tc';
import { ifbPrefix } from './ifb-name.ts';

/** A token bucket at the root of an interface. */
export interface RootBucket {
  readonly handle: number;
  readonly bucket: TokenBucket;
}

/** The lower bits of our policers' handles: how they are known for ours. */
export const POLICER_NODE = 0xca1;
/** TC_U32_NODE (include/uapi/linux/pkt_cls.h). */
const U32_NODE_MASK = 0xfff;

/** Begins the names of the `ifb` devices that the CNI plug-in `bandwidth` makes. */
const pluginPrefix = 'bwp';

/** What the kernel has that limits workloads' bandwidth: as listed, and as written since. */
export class KernelShapers {
  readonly #prefixes: readonly string[];
  readonly #links = new Map<string, Link>();
  readonly #nameByIndex = new Map<number, string>();
  readonly #buckets = new Map<number, RootBucket>();
  /** The kind of qdisc, `ingress` or `clsact`, that filters of what an interface receives hang on. */
  readonly #filterPlaces = new Map<number, string>();
  readonly #filters = new Map<number, readonly IngressFilter[]>();
  /** Indexes that `ifb` devices had. */
  readonly #goneIfbs = new Set<number>();

  /** @param prefixes what workload interfaces' names begin with. */
  constructor(prefixes: readonly string[]) {
    this.#prefixes = prefixes;
  }

  /** Reads everything anew. */
  list(route: RouteSocket, tc: TrafficControlSocket): void {
    for (const map of [this.#links, this.#nameByIndex, this.#buckets, this.#filterPlaces, this.#filters]) map.clear();
    this.#goneIfbs.clear();
    for (const link of route.listLinks()) this.setLink(link);
    for (const { interfaceIndex, parent, kind, handle, tokenBucket } of tc.listQdiscs()) {
      if (!this.#nameByIndex.has(interfaceIndex)) continue;
      if (parent === tcParent.ingress) this.#filterPlaces.set(interfaceIndex, kind);
      else if (parent === tcParent.root && tokenBucket !== undefined) {
        this.#buckets.set(interfaceIndex, { handle, bucket: tokenBucket });
      }
    }
    for (const index of this.#filterPlaces.keys()) this.#filters.set(index, tc.listIngressFilters(index));
  }

  isWorkload(name: string): boolean {
    return this.#prefixes.some((prefix) => name.startsWith(prefix));
  }

  /** Whether changes of the link are of interest. */
  concerns({ name, kind }: Link): boolean {
    return this.isWorkload(name) || (kind === 'ifb' && (name.startsWith(ifbPrefix) || name.startsWith(pluginPrefix)));
  }

  links(): Iterable<Link> {
    return this.#links.values();
  }

  link(name: string): Link | undefined {
    return this.#links.get(name);
  }

  nameOf(index: number): string | undefined {
    return this.#nameByIndex.get(index);
  }

  setLink(link: Link): void {
    if (!this.concerns(link)) return;
    this.#links.set(link.name, link);
    this.#nameByIndex.set(link.index, link.name);
  }

  /** With all that was on it. */
  deleteLink({ name, index }: Pick<Link, 'name' | 'index'>): void {
    if (this.#links.get(name)?.index === index) this.#links.delete(name);
    this.#nameByIndex.delete(index);
    if (!this.isWorkload(name)) this.#goneIfbs.add(index);
    this.#buckets.delete(index);
    this.#filterPlaces.delete(index);
    this.#filters.delete(index);
  }

  bucketOn(index: number): RootBucket | undefined {
    return this.#buckets.get(index);
  }

  setBucket(index: number, root: RootBucket | undefined): void {
    if (root === undefined) this.#buckets.delete(index);
    else this.#buckets.set(index, root);
  }

  filterPlaceOn(index: number): string | undefined {
    return this.#filterPlaces.get(index);
  }

  setFilterPlace(index: number, kind: string | undefined): void {
    if (kind === undefined) this.#filterPlaces.delete(index);
    else this.#filterPlaces.set(index, kind);
  }

  filtersOn(index: number): readonly IngressFilter[] {
    return this.#filters.get(index) ?? [];
  }

  setFilters(index: number, filters: readonly IngressFilter[]): void {
    this.#filters.set(index, filters);
  }

  /** Filters that drop what a workload sends beyond its limit: of ours, or of an earlier run. */
  policersOn(index: number): readonly IngressFilter[] {
    return this.filtersOn(index).filter(
      ({ polices, handle }) => polices !== undefined && (handle & U32_NODE_MASK) === POLICER_NODE,
    );
  }

  /** Filters that send what a workload sends to some `ifb`: of ours, of an earlier run, or of the CNI plug-in. */
  redirectsOn(index: number): readonly IngressFilter[] {
    return this.filtersOn(index).filter(({ redirectsTo }) => {
      const target = redirectsTo === undefined ? undefined : this.nameOf(redirectsTo);
      return this.leadsNowhere(redirectsTo) || (target !== undefined && !this.isWorkload(target));
    });
  }

  /** Whether the device that a filter redirects to is gone: the kernel drops what it gets, and says 0 of it. */
  leadsNowhere(redirectsTo: number | undefined): boolean {
    return redirectsTo === 0 || (redirectsTo !== undefined && this.#goneIfbs.has(redirectsTo));
  }
}

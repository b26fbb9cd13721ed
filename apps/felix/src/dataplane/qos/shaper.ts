import {
  createIfb,
  deleteLink,
  type Link,
  NetlinkError,
  type NetlinkRequest,
  RouteSocket,
  setLink,
  type NetnsRef,
} from '@calico-node/netlink';
import {
  addIngressQdisc,
  addPolicer,
  addRedirect,
  deleteIngressFilters,
  deleteIngressQdisc,
  deleteRootQdisc,
  type IngressFilter,
  isSamePolicer,
  isSameTokenBucket,
  type Policer,
  replaceTokenBucket,
  type TokenBucket,
  TrafficControlSocket,
} from '@calico-node/netlink/tc';
import { policerOf } from './bucket.ts';
import { ifbNameOf, ifbPrefix } from './ifb-name.ts';
import { KernelShapers, POLICER_NODE } from './kernel-shapers.ts';

export interface ShaperOptions {
  readonly netns?: NetnsRef;
  /** Interfaces whose names begin so are workloads'. */
  readonly prefixes: readonly string[];
  /** Whether what workloads send is policed from the start; else that is found out. */
  readonly isPolicing?: boolean;
}

/** The handle of our token buckets: how they are known for ours on interfaces that others may shape too. */
const HANDLE = 0xca11_0000;

/**
 * Writes to the kernel what limits the bandwidth of one workload interface, as far as it is not there:
 *
 *   to the workload:    what the interface sends goes through a token bucket, its root qdisc
 *   from the workload:  a filter redirects what the interface receives to an `ifb` of its own, whose root qdisc is a
 *                       token bucket, and which gives it back as if it had just come; where the kernel has no such
 *                       devices, a filter drops what exceeds the rate
 */
export class Shaper implements Disposable {
  readonly kernel: KernelShapers;
  readonly #route: RouteSocket;
  readonly #tc: TrafficControlSocket;
  #writes = 0;
  #isPolicing: boolean;

  constructor({ isPolicing = false, ...options }: ShaperOptions) {
    this.#isPolicing = isPolicing;
    const where = options.netns === undefined ? {} : { netns: options.netns };
    this.kernel = new KernelShapers(options.prefixes);
    this.#route = RouteSocket.open(where);
    this.#tc = TrafficControlSocket.open(where);
  }

  /** Requests for a change that the kernel was sent since start. */
  get writes(): number {
    return this.#writes;
  }

  /** Whether a change that the kernel tells of was asked for here. */
  isOwn(portId: number): boolean {
    return portId === this.#route.portId || portId === this.#tc.portId;
  }

  list(): void {
    this.kernel.list(this.#route, this.#tc);
  }

  /** @throws NetlinkError when the kernel refuses. */
  limitIngress(link: Link, bucket: TokenBucket | undefined): void {
    if (bucket !== undefined) {
      this.#ensureBucket(link, bucket);
      return;
    }
    if (this.kernel.bucketOn(link.index)?.handle !== HANDLE) return;
    this.#change([deleteRootQdisc(link.index, HANDLE)]);
    this.kernel.setBucket(link.index, undefined);
  }

  /** @throws NetlinkError when the kernel refuses. */
  limitEgress(link: Link, bucket: TokenBucket | undefined): void {
    const name = ifbNameOf(link.name);
    if (bucket !== undefined && !this.#isPolicing) {
      const ifb = this.#ensureIfb(name, link.mtu);
      if (ifb !== undefined) {
        // The filter last: a device without its bucket, or that is down, would have all packets.
        this.#ensureBucket(ifb, bucket);
        this.#ensureRedirect(link, ifb);
        this.#deleteFilters(link, this.kernel.policersOn(link.index));
        return;
      }
      this.#isPolicing = true;
    }
    if (bucket !== undefined) this.#ensurePolicer(link, policerOf(bucket));
    else this.#deleteFilters(link, this.kernel.policersOn(link.index));
    this.#deleteRedirects(link, this.kernel.link(name));
    this.deleteIfb(name);
  }

  /** The kernel takes its time for it and is not waited for; one that stays is deleted after the next listing. */
  deleteIfb(name: string): void {
    const ifb = this.kernel.link(name);
    if (ifb === undefined) return;
    this.kernel.deleteLink(ifb);
    this.#writes += 1;
    void this.#route.executeAsync([deleteLink({ index: ifb.index })]).catch(() => undefined);
  }

  /** Devices of ours for none of the workload interfaces. */
  strayIfbs(interfaces: Iterable<string>): string[] {
    const ifbs = [...this.kernel.links()].map(({ name }) => name).filter((name) => name.startsWith(ifbPrefix));
    if (ifbs.length === 0) return ifbs;
    const used = new Set(Array.from(interfaces, ifbNameOf));
    return ifbs.filter((name) => !used.has(name));
  }

  [Symbol.dispose](): void {
    this.#route.close();
    this.#tc.close();
  }

  #ensureBucket({ index }: Link, bucket: TokenBucket): void {
    const known = this.kernel.bucketOn(index);
    if (known?.handle === HANDLE && isSameTokenBucket(bucket, known.bucket)) return;
    this.#change([replaceTokenBucket(index, HANDLE, bucket)]);
    this.kernel.setBucket(index, { handle: HANDLE, bucket });
  }

  /** `undefined` where the kernel has no such devices. */
  #ensureIfb(name: string, mtu: number): Link | undefined {
    const known = this.kernel.link(name);
    if (known?.up === true && known.mtu === mtu) return known;
    const requests = [...(known === undefined ? [createIfb({ name, mtu })] : []), setLink({ name, mtu, up: true })];
    this.#writes += requests.length;
    try {
      this.#route.apply(requests);
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'EOPNOTSUPP' && known === undefined) return undefined;
      throw error;
    }
    const link = this.#route.getLink(name);
    if (link === undefined) throw new Error(`${name} is gone again`);
    this.kernel.setLink(link);
    return link;
  }

  #ensureRedirect(link: Link, ifb: Link): void {
    const { index } = link;
    const redirects = this.kernel.redirectsOn(index);
    if (redirects.length === 1 && redirects[0]?.redirectsTo === ifb.index) return;
    const plugins = redirects
      .map(({ redirectsTo }) => this.kernel.nameOf(redirectsTo ?? 0))
      .filter((name) => name !== ifb.name);
    this.#change(redirects.map(({ priority }) => deleteIngressFilters(index, priority)));
    const others = this.kernel.filtersOn(index).filter((filter) => !redirects.includes(filter));
    const priority = this.#placeFor(index, others);
    this.#change([addRedirect(index, priority, ifb.index)]);
    const filter = {
      interfaceIndex: index,
      handle: 0,
      priority,
      kind: 'u32',
      redirectsTo: ifb.index,
      polices: undefined,
    };
    this.kernel.setFilters(index, [...others, filter]);
    // What stood there before, of another maker, is of no use to anybody now.
    for (const name of plugins) if (name !== undefined) this.deleteIfb(name);
  }

  /** In place of one of another pace; what comes meanwhile is not limited. */
  #ensurePolicer({ index }: Link, policer: Policer): void {
    const known = this.kernel.policersOn(index);
    const [only] = known;
    if (known.length === 1 && only?.polices !== undefined && isSamePolicer(policer, only.polices)) return;
    this.#change(known.map(({ priority }) => deleteIngressFilters(index, priority)));
    const others = this.kernel.filtersOn(index).filter((filter) => !known.includes(filter));
    this.kernel.setFilters(index, others);
    const priority = this.#placeFor(index, others);
    try {
      this.#change([addPolicer(index, priority, POLICER_NODE, policer)]);
    } catch (error) {
      if (!(error instanceof NetlinkError) || error.code !== 'ENOENT') throw error;
      throw new Error('the kernel has neither ifb devices nor the action police (act_police)', { cause: error });
    }
    const filter = {
      interfaceIndex: index,
      handle: POLICER_NODE,
      priority,
      kind: 'u32',
      redirectsTo: undefined,
      polices: policer,
    };
    this.kernel.setFilters(index, [...others, filter]);
  }

  /** A priority for one more filter of what the interface receives, with a place to hang it on. */
  #placeFor(index: number, others: readonly IngressFilter[]): number {
    const taken = new Set(others.map(({ priority }) => priority));
    let priority = 1;
    while (taken.has(priority)) priority += 1;
    if (this.kernel.filterPlaceOn(index) === undefined) {
      this.#change([addIngressQdisc(index)]);
      this.kernel.setFilterPlace(index, 'ingress');
    }
    return priority;
  }

  /** Those to the device, and those to none any more. */
  #deleteRedirects(link: Link, ifb: Link | undefined): void {
    const filters = this.kernel.filtersOn(link.index);
    const ours = filters.filter(
      ({ redirectsTo }) => this.kernel.leadsNowhere(redirectsTo) || (ifb !== undefined && redirectsTo === ifb.index),
    );
    this.#deleteFilters(link, ours);
  }

  /** The place for filters too, when it is then empty. */
  #deleteFilters({ index }: Link, ours: readonly IngressFilter[]): void {
    if (ours.length === 0) return;
    const left = this.kernel.filtersOn(index).filter((filter) => !ours.includes(filter));
    // Whoever wants one for other filters makes a `clsact` these days.
    const isPlaceOurs = left.length === 0 && this.kernel.filterPlaceOn(index) === 'ingress';
    this.#change([
      ...ours.map(({ priority }) => deleteIngressFilters(index, priority)),
      ...(isPlaceOurs ? [deleteIngressQdisc(index)] : []),
    ]);
    this.kernel.setFilters(index, left);
    if (isPlaceOurs) this.kernel.setFilterPlace(index, undefined);
  }

  #change(requests: readonly NetlinkRequest[]): void {
    this.#writes += requests.length;
    const error = this.#tc.execute(requests).find((one) => one !== undefined);
    if (error !== undefined) throw error;
  }
}

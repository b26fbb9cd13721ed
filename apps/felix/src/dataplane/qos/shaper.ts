import {
  createIfb,
  deleteLink,
  type Link,
  type NetlinkRequest,
  RouteSocket,
  setLink,
  type NetnsRef,
} from '@calico-node/netlink';
import {
  addIngressQdisc,
  addRedirect,
  deleteIngressFilters,
  deleteIngressQdisc,
  deleteRootQdisc,
  isSameTokenBucket,
  replaceTokenBucket,
  type TokenBucket,
  TrafficControlSocket,
} from '@calico-node/netlink/tc';
import { ifbNameOf, ifbPrefix } from './ifb-name.ts';
import { KernelShapers } from './kernel-shapers.ts';

/** The handle of our token buckets: how they are known for ours on interfaces that others may shape too. */
const HANDLE = 0xca11_0000;

/**
 * Writes to the kernel what limits the bandwidth of one workload interface, as far as it is not there:
 *
 *   to the workload:    what the interface sends goes through a token bucket, its root qdisc
 *   from the workload:  a filter redirects what the interface receives to an `ifb` of its own, whose root qdisc is a
 *                       token bucket, and which gives it back as if it had just come
 */
export class Shaper implements Disposable {
  readonly kernel: KernelShapers;
  readonly #route: RouteSocket;
  readonly #tc: TrafficControlSocket;
  #writes = 0;

  constructor(options: { readonly netns?: NetnsRef; readonly prefixes: readonly string[] }) {
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
    if (bucket === undefined) {
      this.#deleteRedirects(link, this.kernel.link(name));
      this.deleteIfb(name);
      return;
    }
    // The filter last: a device without its bucket, or that is down, would have all packets.
    const ifb = this.#ensureIfb(name, link.mtu);
    this.#ensureBucket(ifb, bucket);
    this.#ensureRedirect(link, ifb);
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

  #ensureIfb(name: string, mtu: number): Link {
    const known = this.kernel.link(name);
    if (known?.up === true && known.mtu === mtu) return known;
    const requests = [...(known === undefined ? [createIfb({ name, mtu })] : []), setLink({ name, mtu, up: true })];
    this.#writes += requests.length;
    this.#route.apply(requests);
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
    const taken = new Set(others.map(({ priority }) => priority));
    let priority = 1;
    while (taken.has(priority)) priority += 1;
    if (this.kernel.filterPlaceOn(index) === undefined) {
      this.#change([addIngressQdisc(index)]);
      this.kernel.setFilterPlace(index, 'ingress');
    }
    this.#change([addRedirect(index, priority, ifb.index)]);
    const filter = { interfaceIndex: index, handle: 0, priority, kind: 'u32', redirectsTo: ifb.index };
    this.kernel.setFilters(index, [...others, filter]);
    // What stood there before, of another maker, is of no use to anybody now.
    for (const name of plugins) if (name !== undefined) this.deleteIfb(name);
  }

  /** Those to the device, and those to none any more; the place for filters too, when it is then empty. */
  #deleteRedirects({ index }: Link, ifb: Link | undefined): void {
    const filters = this.kernel.filtersOn(index);
    const ours = filters.filter(
      ({ redirectsTo }) => redirectsTo === 0 || (ifb !== undefined && redirectsTo === ifb.index),
    );
    if (ours.length === 0) return;
    const left = filters.filter((filter) => !ours.includes(filter));
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

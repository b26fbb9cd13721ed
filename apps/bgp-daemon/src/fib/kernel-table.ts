import { isDeepStrictEqual } from 'node:util';
import type { Cidr, IpAddress } from '@calico-node/net';
import {
  metricOf,
  ownProtocol,
  toKernelRoute,
  waysOf,
  type Fib,
  type FibChange,
  type FibError,
  type FibEvent,
  type FibRoute,
  type KernelRoute,
  type OpenFib,
} from './fib.ts';
import { identityOf, NextHops } from './next-hops.ts';

/** What the table tells the speaker. */
export interface KernelListener {
  /** The routes of others for a prefix have changed; see `foreignRoutes`. */
  foreignChanged(destination: Cidr): void;
  /** An interface has come, gone, or got another name. */
  interfacesChanged(): void;
  /** These next hops lead elsewhere now, or nowhere. */
  nextHopsChanged(nextHops: ReadonlySet<IpAddress>): void;
  /** There is something to do for `reconcile`. */
  dirty(): void;
  /** A change failed; it is tried again. */
  failed(change: FibChange, error: FibError): void;
}

/** Connected and redirected routes are the kernel's own business (rtnetlink(7): RTPROT_REDIRECT, RTPROT_KERNEL). */
const kernelProtocols: ReadonlySet<number> = new Set([1, 2]);

/**
 * Keeps the daemon's routes in the kernel as wanted: desired against actual, per prefix; only the
 * difference is written, and what somebody removes or changes is put back. Routes of others are known,
 * told of and resolved through, but never touched.
 *
 * Routes that an earlier life of the daemon left (its protocol, not wanted yet) stay until `converge`.
 */
export class KernelTable {
  readonly nextHops = new NextHops();
  readonly #fib: Fib;
  readonly #listener: KernelListener;
  readonly #desired = new Map<Cidr, FibRoute>();
  readonly #actual = new Map<Cidr, KernelRoute>();
  /** By destination and identity: every interface has routes to `fe80::/64` and `ff00::/8`. */
  readonly #foreign = new Map<Cidr, Map<string, KernelRoute>>();
  readonly #dirty = new Set<Cidr>();
  readonly #failed = new Set<Cidr>();
  #interfaces = new Map<number, string>();
  #addresses: ReadonlySet<IpAddress> = new Set();
  #isConverged = false;
  #needsResync = false;

  constructor(openFib: OpenFib, listener: KernelListener) {
    this.#listener = listener;
    this.#fib = openFib((event) => {
      this.#onEvent(event);
    });
    this.resync();
  }

  /** How many routes of ours the kernel has. */
  get size(): number {
    return this.#actual.size;
  }

  get needsResync(): boolean {
    return this.#needsResync;
  }

  get hasDirty(): boolean {
    return this.#dirty.size > 0;
  }

  isLocalAddress(address: IpAddress): boolean {
    return this.#addresses.has(address);
  }

  interfaceName(index: number): string | undefined {
    return this.#interfaces.get(index);
  }

  /** An interface's index; undefined while there is no such interface. */
  interfaceIndex(name: string): number | undefined {
    return [...this.#interfaces].find(([, other]) => other === name)?.[0];
  }

  /** What others have put into the table for a prefix, without connected routes. */
  foreignRoutes(destination: Cidr): readonly KernelRoute[] {
    return this.#foreignAt(destination).filter(({ protocol }) => !kernelProtocols.has(protocol));
  }

  /** All prefixes with routes of others. */
  foreignDestinations(): Iterable<Cidr> {
    return this.#foreign.keys();
  }

  /** Next hops are also reached through these configured routes. */
  setStatics(routes: Iterable<readonly [Cidr, IpAddress]>): void {
    this.nextHops.setStatics(routes);
    this.#refreshNextHops();
  }

  /** Wants a route for a prefix, or none. */
  want(destination: Cidr, route: FibRoute | undefined): void {
    if (route !== undefined) this.#desired.set(destination, route);
    else if (!this.#desired.delete(destination) && !this.#actual.has(destination)) return;
    this.#markDirty(destination);
  }

  /** Nothing is wanted, and nothing of ours is there. */
  get isEmpty(): boolean {
    return this.#desired.size === 0 && this.#actual.size === 0;
  }

  /** All that is wanted has been told: leftovers of an earlier life go now. */
  converge(): void {
    this.#isConverged = true;
    for (const destination of this.#actual.keys()) if (!this.#desired.has(destination)) this.#markDirty(destination);
  }

  /** Has failed changes tried again. */
  retryFailed(): void {
    for (const destination of this.#failed) this.#markDirty(destination);
    this.#failed.clear();
  }

  /** Writes up to `limit` differences. True when none is left. */
  reconcile(limit: number): boolean {
    const changes: FibChange[] = [];
    for (const destination of this.#dirty) {
      if (changes.length >= limit) break;
      this.#dirty.delete(destination);
      const change = this.#difference(destination);
      if (change !== undefined) changes.push(change);
    }
    if (changes.length > 0) {
      for (const [index, error] of this.#fib.apply(changes).entries()) {
        const change = changes[index];
        if (change !== undefined) this.#settle(change, error);
      }
    }
    return this.#dirty.size === 0;
  }

  /** Reads the whole table and treats every difference to what was known as an event. */
  resync(): void {
    this.#needsResync = false;
    const { routes, interfaces, addresses } = this.#fib.snapshot();
    const isChanged = !isDeepStrictEqual(this.#interfaces, interfaces);
    this.#interfaces = new Map(interfaces);
    if (isChanged) this.#listener.interfacesChanged();
    this.#addresses = addresses;
    const own = new Map<Cidr, KernelRoute>();
    const foreign = new Map<Cidr, Map<string, KernelRoute>>();
    for (const route of routes) {
      if (route.protocol === ownProtocol) own.set(route.destination, route);
      else {
        const others = foreign.get(route.destination) ?? new Map<string, KernelRoute>();
        foreign.set(route.destination, others.set(identityOf(route), route));
      }
    }
    for (const destination of new Set([...this.#actual.keys(), ...own.keys()])) {
      const route = own.get(destination);
      if (route === undefined) this.#actual.delete(destination);
      else this.#actual.set(destination, route);
      if (this.#difference(destination) !== undefined) this.#markDirty(destination);
    }
    for (const destination of new Set([...this.#foreign.keys(), ...foreign.keys()])) {
      const now = foreign.get(destination);
      const before = this.#foreign.get(destination);
      for (const [identity, route] of before ?? [])
        if (now?.has(identity) !== true) this.#removeForeign(identity, route);
      for (const [identity, route] of now ?? []) this.#addForeign(identity, route);
    }
    this.#refreshNextHops();
  }

  close(): void {
    this.#fib.close();
  }

  #onEvent(event: FibEvent): void {
    if (event.kind === 'resync') {
      this.#needsResync = true;
      this.#listener.dirty();
      return;
    }
    if (event.kind === 'interface') {
      if (this.#interfaces.get(event.index) === event.name) return;
      this.#interfaces.set(event.index, event.name);
      this.#listener.interfacesChanged();
      return;
    }
    const { route } = event;
    const { destination } = route;
    if (route.protocol === ownProtocol) {
      const known = this.#actual.get(destination);
      if (event.kind === 'route-added') this.#actual.set(destination, route);
      else if (known !== undefined && identityOf(known) === identityOf(route)) this.#actual.delete(destination);
      if (this.#difference(destination) !== undefined) this.#markDirty(destination);
      return;
    }
    if (event.kind === 'route-added') this.#addForeign(identityOf(route), route);
    else this.#removeForeign(identityOf(route), route);
    this.#refreshNextHops(destination);
  }

  #foreignAt(destination: Cidr): readonly KernelRoute[] {
    return [...(this.#foreign.get(destination)?.values() ?? [])];
  }

  #addForeign(identity: string, route: KernelRoute): void {
    const { destination } = route;
    const known = this.#foreign.get(destination);
    if (known?.has(identity) === true) return;
    if (known === undefined) this.#foreign.set(destination, new Map([[identity, route]]));
    else known.set(identity, route);
    this.nextHops.add(route);
    this.#toldForeign(destination);
  }

  #removeForeign(identity: string, { destination }: KernelRoute): void {
    const known = this.#foreign.get(destination);
    const route = known?.get(identity);
    if (known === undefined || route === undefined) return;
    known.delete(identity);
    if (known.size === 0) this.#foreign.delete(destination);
    this.nextHops.remove(route);
    this.#toldForeign(destination);
  }

  #toldForeign(destination: Cidr): void {
    if (this.#desired.has(destination)) this.#markDirty(destination);
    this.#listener.foreignChanged(destination);
  }

  #refreshNextHops(within?: Cidr): void {
    const changed = this.nextHops.refresh(within);
    if (changed.size > 0) this.#listener.nextHopsChanged(changed);
  }

  #markDirty(destination: Cidr): void {
    this.#dirty.add(destination);
    this.#listener.dirty();
  }

  #difference(destination: Cidr): FibChange | undefined {
    const wanted = this.#desired.get(destination);
    const actual = this.#actual.get(destination);
    if (wanted === undefined) {
      if (actual === undefined || !this.#isConverged) return undefined;
      return { kind: 'delete', destination, metric: actual.metric };
    }
    const isMoving = actual !== undefined && actual.metric !== metricOf(wanted);
    if (actual === undefined || isMoving) {
      // Another's route with our metric stands there: it stays, ours waits until it goes.
      const isTaken = this.#foreignAt(destination).some(({ metric }) => metric === metricOf(wanted));
      if (isTaken) return undefined;
      return isMoving ? { kind: 'move', route: wanted, oldMetric: actual.metric } : { kind: 'add', route: wanted };
    }
    return isAsWanted(actual, wanted) ? undefined : { kind: 'replace', route: wanted };
  }

  #settle(change: FibChange, error: FibError | undefined): void {
    if (error === undefined) {
      const destination = change.kind === 'delete' ? change.destination : change.route.destination;
      if (change.kind === 'delete') this.#actual.delete(destination);
      else this.#actual.set(destination, toKernelRoute(change.route));
      return;
    }
    if (change.kind === 'delete' && error.code === 'ESRCH') {
      this.#actual.delete(change.destination);
      return;
    }
    this.#failed.add(change.kind === 'delete' ? change.destination : change.route.destination);
    this.#listener.failed(change, error);
  }
}

function isAsWanted(actual: KernelRoute, wanted: FibRoute): boolean {
  if (wanted.kind !== 'via') return actual.kind === wanted.kind;
  if (actual.kind !== 'unicast') return false;
  const [hop] = wanted.hops;
  if (hop !== undefined && wanted.hops.length === 1 && actual.others === undefined) {
    return actual.gateway === hop.gateway && actual.interfaceIndex === hop.interfaceIndex;
  }
  return waysOf(actual) === waysOf(toKernelRoute(wanted));
}

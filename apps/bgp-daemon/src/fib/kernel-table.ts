import { isDeepStrictEqual } from 'node:util';
import { isLinkLocal, splitNextHop, type NextHop, type PeerLink } from '@calico-node/bgp';
import { familyOf, type Cidr, type Family, type IpAddress } from '@calico-node/net';
import {
  metricOf,
  ownProtocol,
  toKernelWay,
  waysOf,
  type Fib,
  type FibChange,
  type FibError,
  type FibEvent,
  type FibWay,
  type KernelRoute,
  type KernelWay,
  type OpenFib,
} from './fib.ts';
import { identityOf, NextHops } from './next-hops.ts';

/** A link of this node, with its first link-local address there. */
export interface NodeLink extends PeerLink {
  readonly linkLocal: IpAddress | undefined;
}

/** What the table tells the speaker. */
export interface KernelListener {
  /** The routes of others for a prefix have changed; see `foreignRoutes`. */
  foreignChanged(destination: Cidr): void;
  /** An interface has come, gone, or got another name. */
  interfacesChanged(): void;
  /** These next hops lead elsewhere now, or nowhere. */
  nextHopsChanged(nextHops: ReadonlySet<NextHop>): void;
  /** There is something to do for `reconcile`. */
  dirty(): void;
  /** A change failed; it is tried again. */
  failed(change: FibChange, error: FibError): void;
}

/** Connected and redirected routes are the kernel's own business (rtnetlink(7): RTPROT_REDIRECT, RTPROT_KERNEL). */
const kernelProtocols: ReadonlySet<number> = new Set([1, 2]);

/** What is wanted for a destination, and what of ours the kernel has. */
interface Entry {
  readonly destination: Cidr;
  wanted: FibWay | undefined;
  actual: KernelWay | undefined;
  /** It has been wanted: what is there is ours. */
  isOwn: boolean;
  isDirty: boolean;
  /** The kernel is at work on a change of it. */
  isInFlight: boolean;
}

/**
 * Keeps the daemon's routes in the kernel as wanted: desired against actual, per prefix; only the
 * difference is written, and what somebody removes or changes is put back. Routes of others are known,
 * told of and resolved through, but never touched.
 *
 * The kernel works while the daemon goes on. What is wanted meanwhile is compared with the outcome once that is known;
 * where a notice of somebody else's doing crosses a change of ours, the table is read again.
 *
 * Routes that an earlier life of the daemon left (its protocol, not wanted yet) stay until `converge`. Where the daemon
 * is to write no routes, they are somebody else's, and stay.
 */
export class KernelTable {
  readonly nextHops = new NextHops((name) => this.interfaceIndex(name));
  readonly #fib: Fib;
  readonly #listener: KernelListener;
  /** Every destination that has anything wanted or actual, or is dirty. */
  readonly #entries = new Map<Cidr, Entry>();
  /** By destination and identity: every interface has routes to `fe80::/64` and `ff00::/8`. */
  readonly #foreign = new Map<Cidr, Map<string, KernelRoute>>();
  /** In the order in which they are looked at; those before `#nextDirty` have been. */
  #dirty: Entry[] = [];
  #nextDirty = 0;
  readonly #failed = new Set<Cidr>();
  /** What the kernel shows for a way of ours. */
  readonly #forms: Readonly<Record<Family, WeakMap<FibWay, KernelWay>>> = { 4: new WeakMap(), 6: new WeakMap() };
  /** The kernel is at work on changes: no others are asked for until it is done. */
  #isInFlight = false;
  #isClosed = false;
  #actualCount = 0;
  #interfaces = new Map<number, string>();
  #addresses: ReadonlySet<IpAddress> = new Set();
  #linkLocals: ReadonlyMap<number, IpAddress> | undefined;
  #isConverged = false;
  #isProgramming = false;
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
    return this.#actualCount;
  }

  get needsResync(): boolean {
    return this.#needsResync;
  }

  get hasDirty(): boolean {
    return this.#nextDirty < this.#dirty.length;
  }

  /** Whether an address is this node's: a link-local one, on the interface. */
  isLocalAddress(nextHop: NextHop): boolean {
    const { address, interfaceName } = splitNextHop(nextHop);
    if (interfaceName === undefined) return this.#addresses.has(address);
    const index = this.interfaceIndex(interfaceName);
    return index !== undefined && this.#linkLocals?.get(index) === address;
  }

  /** The link that this node has in common with a neighbour; undefined for one further away. */
  linkTowards(neighbor: NextHop): NodeLink | undefined {
    const hop = this.nextHops.resolve(neighbor);
    const interfaceName = hop?.cost === 0 ? this.interfaceName(hop.interfaceIndex) : undefined;
    if (hop === undefined || interfaceName === undefined) return undefined;
    return {
      interfaceName,
      linkLocal: this.#linkLocals?.get(hop.interfaceIndex),
      isOnLink: (address) => {
        const other = isLinkLocal(address) ? undefined : this.nextHops.resolve(address);
        return other?.cost === 0 && other.interfaceIndex === hop.interfaceIndex;
      },
    };
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

  /** Whether the daemon writes routes. */
  setProgramming(isProgramming: boolean): void {
    if (this.#isProgramming === isProgramming) return;
    this.#isProgramming = isProgramming;
    if (this.#isConverged) this.converge();
  }

  /** Wants a route for a prefix, or none. */
  want(destination: Cidr, way: FibWay | undefined): void {
    const entry = way === undefined ? this.#entries.get(destination) : this.#entry(destination);
    if (entry === undefined) return;
    entry.wanted = way;
    if (way !== undefined) entry.isOwn = true;
    this.#markDirty(entry);
  }

  /** Nothing is wanted, and nothing of ours is there. */
  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  /** All that is wanted has been told: leftovers of an earlier life go now. */
  converge(): void {
    this.#isConverged = true;
    for (const entry of this.#entries.values()) if (entry.wanted === undefined) this.#markDirty(entry);
  }

  /** Has failed changes tried again. */
  retryFailed(): void {
    for (const destination of this.#failed) this.#markDirty(this.#entry(destination));
    this.#failed.clear();
  }

  /** Has up to `limit` differences written, unless others still are. True when there is nothing left to do now. */
  reconcile(limit: number): boolean {
    if (this.#isInFlight) return true;
    const changes: FibChange[] = [];
    const entries: Entry[] = [];
    while (this.#nextDirty < this.#dirty.length && changes.length < limit) {
      const entry = this.#dirty[this.#nextDirty++];
      if (entry === undefined) break;
      entry.isDirty = false;
      const change = this.#difference(entry);
      if (change === undefined) this.#forgetIfEmpty(entry);
      else {
        entry.isInFlight = true;
        changes.push(change);
        entries.push(entry);
      }
    }
    if (!this.hasDirty) {
      this.#dirty = [];
      this.#nextDirty = 0;
    }
    if (changes.length > 0) {
      this.#isInFlight = true;
      this.#fib.apply(changes, (errors) => {
        if (!this.#isClosed) this.#settle(entries, changes, errors);
      });
    }
    return this.#isInFlight || !this.hasDirty;
  }

  /** Reads the whole table and treats every difference to what was known as an event; later, if changes are under way. */
  resync(): void {
    this.#needsResync = this.#isInFlight;
    if (this.#isInFlight) return;
    const { routes, interfaces, addresses, linkLocals } = this.#fib.snapshot();
    const isChanged = !isDeepStrictEqual(this.#interfaces, interfaces);
    this.#interfaces = new Map(interfaces);
    if (isChanged) this.#listener.interfacesChanged();
    this.#addresses = addresses;
    this.#linkLocals = linkLocals;
    const own = new Map<Cidr, KernelRoute>();
    const foreign = new Map<Cidr, Map<string, KernelRoute>>();
    for (const route of routes) {
      if (route.protocol === ownProtocol) own.set(route.destination, route);
      else {
        const others = foreign.get(route.destination) ?? new Map<string, KernelRoute>();
        foreign.set(route.destination, others.set(identityOf(route), route));
      }
    }
    for (const destination of own.keys()) this.#entry(destination);
    for (const entry of this.#entries.values()) this.#setActual(entry, own.get(entry.destination));
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
    this.#isClosed = true;
    this.#fib.close();
  }

  #onEvent(event: FibEvent): void {
    if (event.kind === 'resync') {
      this.#readAgain();
      return;
    }
    if (event.kind === 'interface') {
      if (this.#interfaces.get(event.index) === event.name) return;
      this.#interfaces.set(event.index, event.name);
      this.#listener.interfacesChanged();
      this.#refreshNextHops();
      return;
    }
    const { route } = event;
    const { destination } = route;
    if (route.protocol === ownProtocol) {
      if (this.#entries.get(destination)?.isInFlight === true) this.#readAgain();
      else if (event.kind === 'route-added') this.#setActual(this.#entry(destination), route);
      else {
        const entry = this.#entries.get(destination);
        if (entry?.actual !== undefined && identityOf(entry.actual) === identityOf(route))
          this.#setActual(entry, undefined);
      }
      return;
    }
    if (event.kind === 'route-added') this.#addForeign(identityOf(route), route);
    else this.#removeForeign(identityOf(route), route);
    this.#refreshNextHops(destination);
  }

  #readAgain(): void {
    this.#needsResync = true;
    this.#listener.dirty();
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
    const entry = this.#entries.get(destination);
    if (entry?.wanted !== undefined) this.#markDirty(entry);
    this.#listener.foreignChanged(destination);
  }

  #refreshNextHops(within?: Cidr): void {
    const changed = this.nextHops.refresh(within);
    if (changed.size > 0) this.#listener.nextHopsChanged(changed);
  }

  #entry(destination: Cidr): Entry {
    let entry = this.#entries.get(destination);
    if (entry === undefined) {
      entry = { destination, wanted: undefined, actual: undefined, isOwn: false, isDirty: false, isInFlight: false };
      this.#entries.set(destination, entry);
    }
    return entry;
  }

  #forgetIfEmpty({ destination, wanted, actual, isDirty }: Entry): void {
    if (wanted === undefined && actual === undefined && !isDirty) this.#entries.delete(destination);
  }

  /** Notes what somebody else made of our route. */
  #setActual(entry: Entry, actual: KernelWay | undefined): void {
    this.#record(entry, actual);
    if (this.#difference(entry) === undefined) this.#forgetIfEmpty(entry);
    else this.#markDirty(entry);
  }

  #record(entry: Entry, actual: KernelWay | undefined): void {
    this.#actualCount += Number(actual !== undefined) - Number(entry.actual !== undefined);
    entry.actual = actual;
  }

  #markDirty(entry: Entry): void {
    if (!entry.isDirty) {
      entry.isDirty = true;
      this.#dirty.push(entry);
    }
    this.#listener.dirty();
  }

  #difference({ destination, wanted, actual, isOwn }: Entry): FibChange | undefined {
    if (wanted === undefined) {
      if (actual === undefined || !this.#isConverged || !(isOwn || this.#isProgramming)) return undefined;
      return { kind: 'delete', destination, metric: actual.metric };
    }
    const metric = metricOf(wanted, familyOf(destination));
    const isMoving = actual !== undefined && actual.metric !== metric;
    if (actual === undefined || isMoving) {
      // Another's route with our metric stands there: it stays, ours waits until it goes.
      const others = this.#foreign.get(destination);
      if (others !== undefined && [...others.values()].some((other) => other.metric === metric)) return undefined;
      return isMoving
        ? { kind: 'move', destination, way: wanted, oldMetric: actual.metric }
        : { kind: 'add', destination, way: wanted };
    }
    return isAsWanted(actual, wanted) ? undefined : { kind: 'replace', destination, way: wanted };
  }

  /** Notes what became of changes. */
  #settle(entries: readonly Entry[], changes: readonly FibChange[], errors: readonly (FibError | undefined)[]): void {
    this.#isInFlight = false;
    for (const [index, change] of changes.entries()) {
      const entry = entries[index];
      if (entry === undefined) continue;
      entry.isInFlight = false;
      const error = errors[index];
      if (error === undefined || (change.kind === 'delete' && error.code === 'ESRCH')) {
        this.#record(
          entry,
          change.kind === 'delete' ? undefined : this.#formOf(change.way, familyOf(entry.destination)),
        );
        this.#forgetIfEmpty(entry);
      } else {
        this.#failed.add(entry.destination);
        this.#listener.failed(change, error);
      }
    }
    if (this.hasDirty || this.#needsResync) this.#listener.dirty();
  }

  #formOf(way: FibWay, family: Family): KernelWay {
    const forms = this.#forms[family];
    let form = forms.get(way);
    if (form === undefined) {
      form = toKernelWay(way, family);
      forms.set(way, form);
    }
    return form;
  }
}

function isAsWanted(actual: KernelWay, wanted: FibWay): boolean {
  if (wanted.kind !== 'via') return actual.kind === wanted.kind;
  if (actual.kind !== 'unicast') return false;
  const [hop] = wanted.hops;
  if (hop !== undefined && wanted.hops.length === 1 && actual.others === undefined) {
    return actual.gateway === hop.gateway && actual.interfaceIndex === hop.interfaceIndex;
  }
  return waysOf(actual) === waysOf(toKernelWay(wanted, 4));
}

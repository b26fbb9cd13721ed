/**
 * The BGP speaker: everything between sockets and kernel, in one event loop.
 *
 *   peers ── UPDATE ──► Neighbor ──► Rib ──dirty──► decide ──┬─► UpdateGroups ── UPDATE ──► peers
 *   kernel ─ events ──► KernelTable ──► LocalRoutes ──┘      └─► KernelTable.want ──► Fib
 *
 * Changes only mark prefixes dirty. Once per turn of the loop a slice of them is decided on, and what
 * follows from it is sent and written; long work is spread over turns, so that no keepalive is late.
 */
import { familyOf, hostCidr, type Cidr, type Family, type IpAddress } from '@calico-node/net';
import type { Logger } from '@calico-node/service';
import { isDeepStrictEqual } from 'node:util';
import type { Socket } from 'node:net';
import { peerHop, type DaemonConfig, type NeighborConfig, type PeerAddress } from '../config/daemon-config.ts';
import type { OpenFib } from '../fib/fib.ts';
import { KernelTable } from '../fib/kernel-table.ts';
import { AttributeTable } from '../rib/attribute-table.ts';
import { IntList } from '../rib/columns.ts';
import { Rib } from '../rib/rib.ts';
import type { NextHopCost, PathView } from '../rib/rib-views.ts';
import type { ListenerHandlers, Listening } from '../session/listener.ts';
import type { SessionObserver } from '../session/observer.ts';
import { deconfigured, reconfigured } from '../session/peer.ts';
import type { SpeakerContext } from './context.ts';
import { isSamePolicy, isSameSession } from './config-differences.ts';
import { Convergence } from './convergence.ts';
import { DynamicNeighbors } from './dynamic-neighbors.ts';
import { explainRoute, type RouteExplanation } from './explain.ts';
import { Forwarding } from './forwarding.ts';
import { firstPeerSource, LocalRoutes } from './local-routes.ts';
import { Neighbor } from './neighbor.ts';
import { UpdateGroups } from './update-groups.ts';
import type { LocRibWatch, UpdateSink } from './update-sink.ts';

export interface SpeakerOptions {
  readonly openFib: OpenFib;
  readonly dial: (config: NeighborConfig) => Socket;
  readonly listen: Listen;
  readonly log: Logger;
  readonly observers?: readonly SessionObserver[];
  /** Whose sessions were up when the daemon before this one ended; undefined: there was none that this one follows. */
  readonly previousPeers?: ReadonlySet<string> | undefined;
  /** Told when sessions, configuration or convergence have changed. */
  readonly onChange: () => void;
  /** How long after work unused memory is given back, if not as usual. */
  readonly tidyMs?: number;
}

/** Begins to take connections, which go to the handlers. */
export type Listen = (addresses: readonly PeerAddress[], port: number, handlers: ListenerHandlers) => Listening;

export interface RoutesTo {
  readonly prefix: Cidr;
  readonly paths: readonly PathView[];
  /** The number of the one that is used, or -1. */
  readonly best: number;
  /** The path identifier that the peer gave (RFC 7911). */
  readonly pathIdOf: (path: PathView) => number;
}

export interface ApplyResult {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly unchanged: number;
}

/** How much is done per turn. */
const sliceMs = 8;
const slicePrefixes = 4096;
const sliceReleases = 20_000;
const sliceRoutes = 2000;
/** How long after work unused memory is given back: what a flap takes away is soon there again. */
const usualTidyMs = 1000;
/** Failed kernel changes are tried again, and a link's routes looked at, after this long. */
const retryMs = 500;
const resyncDelayMs = 100;
/** The slow full read that backs the notifications up. */
const refreshMs = 60_000;

const families: readonly Family[] = [4, 6];
/** Of those in an update group that tell nothing. */
const noSource = -2;

export class Speaker {
  readonly #log: Logger;
  readonly #options: SpeakerOptions;
  readonly #attributes = new AttributeTable();
  readonly #ribs: Readonly<Record<Family, Rib>>;
  readonly #groups: UpdateGroups;
  readonly #kernel: KernelTable;
  readonly #forwarding: Forwarding;
  readonly #local: LocalRoutes;
  readonly #convergence: Convergence;
  readonly #context: SpeakerContext;
  readonly #neighbors = new Map<string, Neighbor>();
  /** Removed from the configuration, their routes not yet all gone. */
  readonly #leaving = new Set<Neighbor>();
  readonly #dynamic: DynamicNeighbors;
  readonly #released: Readonly<Record<Family, IntList>> = { 4: new IntList(), 6: new IntList() };
  readonly #refreshTimer: NodeJS.Timeout;
  readonly #hadRoutes: boolean;
  #config: DaemonConfig | undefined;
  #listener: Listening | undefined;
  #listenProblem: string | undefined = 'not listening yet';
  #nextSource = firstPeerSource;
  #isAwake = false;
  /** Converged, but what the peers told is not all decided on yet: the kernel's leftovers may still be wanted. */
  #isSettling = false;
  #isStopped = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #resyncTimer: NodeJS.Timeout | undefined;
  #tidyTimer: NodeJS.Timeout | undefined;

  constructor(options: SpeakerOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#dynamic = new DynamicNeighbors(this.#neighbors, options.log);
    const wake = (): void => {
      this.#wake();
    };
    this.#ribs = { 4: new Rib(4, this.#attributes, wake), 6: new Rib(6, this.#attributes, wake) };
    this.#local = new LocalRoutes(this.#ribs, this.#attributes);
    this.#convergence = new Convergence(
      () => this.neighbors,
      () => {
        this.#converged();
      },
    );
    this.#groups = new UpdateGroups(
      this.#ribs,
      () => this.#configured(),
      () => this.#convergence.isDone,
    );
    this.#kernel = new KernelTable(options.openFib, {
      foreignChanged: (destination) => {
        this.#learn(destination);
      },
      interfacesChanged: () => {
        if (this.#config === undefined || this.#config.kernel.tunnels.length === 0) return;
        for (const family of families) this.#ribs[family].markAllDirty();
      },
      nextHopsChanged: (nextHops) => {
        for (const family of families) this.#ribs[family].markNextHops(nextHops);
      },
      dirty: wake,
      failed: (change, error) => {
        this.#log.warn({ change, error }, 'the kernel refused a route; trying again');
        this.#retryLater();
      },
    });
    this.#forwarding = new Forwarding(this.#kernel, () => this.#configured().kernel);
    this.#hadRoutes = this.#kernel.size > 0;
    this.#context = {
      ribs: this.#ribs,
      attributes: this.#attributes,
      groups: this.#groups,
      observers: options.observers ?? [],
      config: () => this.#configured(),
      isLocalAddress: (address) => this.#kernel.isLocalAddress(address),
      linkTowards: (peer) => this.#kernel.linkTowards(peer),
      isRestarting: () => this.isRestarting,
      wake,
      sessionsChanged: () => {
        this.#sessionsChanged();
      },
    };
    this.#refreshTimer = setInterval(() => {
      this.#dismiss();
      this.#kernel.resync();
      this.#kernel.retryFailed();
    }, refreshMs);
    this.#refreshTimer.unref();
  }

  get config(): DaemonConfig | undefined {
    return this.#config;
  }

  get neighbors(): readonly Neighbor[] {
    return [...this.#neighbors.values()];
  }

  /** Why connections cannot be taken, if so. */
  get listenProblem(): string | undefined {
    return this.#listenProblem;
  }

  /** Started again over the routes or sessions of an earlier life, and not yet caught up with all peers. */
  get isRestarting(): boolean {
    return this.#isRestart && !this.#convergence.isDone;
  }

  /** Started over sessions, or routes, of an earlier life. */
  get #isRestart(): boolean {
    return this.#options.previousPeers !== undefined || (this.#hadRoutes && this.#config?.kernel.program !== false);
  }

  isDynamic(neighbor: Neighbor): boolean {
    return this.#dynamic.has(neighbor.config.name);
  }

  /** Whether the peer is on a network of this node. */
  isConnected(peer: PeerAddress): boolean {
    return this.#kernel.nextHops.resolve(peerHop(peer))?.cost === 0;
  }

  get kernelRoutes(): number {
    return this.#kernel.size;
  }

  get prefixes(): number {
    return families.reduce((sum, family) => sum + this.prefixesOf(family), 0);
  }

  prefixesOf(family: Family): number {
    return this.#ribs[family].size;
  }

  /** All prefixes that are reached, or one, each with its paths. What changes meanwhile may be in it or not. */
  *routes(only?: Cidr): Generator<RoutesTo> {
    for (const family of families) {
      if (only !== undefined && familyOf(only) !== family) continue;
      const rib = this.#ribs[family];
      const pathIdOf = ({ path }: PathView): number => rib.pathIdOf(path);
      const one = only && rib.prefixes.findCidr(only);
      for (let id = one ?? 0; id < (one === undefined ? rib.prefixes.end : one + 1); id++) {
        if (id < 0 || !rib.prefixes.has(id)) continue;
        const paths = rib.paths(id);
        if (paths.length > 0) yield { prefix: rib.cidr(id), paths, best: rib.bestPath(id), pathIdOf };
      }
    }
  }

  /** Why a prefix is reached as it is, and who is told of it. */
  explain(prefix: Cidr): RouteExplanation {
    return explainRoute(prefix, this.#ribs, this.neighbors, this.#forwarding.costs() ?? (() => 0));
  }

  /** Puts a configuration in force. Sessions whose part of it is the same are not disturbed. */
  apply(config: DaemonConfig): ApplyResult {
    const before = this.#config;
    this.#config = config;
    this.#kernel.setProgramming(config.kernel.program);
    this.#kernel.setStatics(
      config.staticRoutes.flatMap(({ prefix, nextHop }) => (nextHop === undefined ? [] : [[prefix, nextHop] as const])),
    );
    this.#local.setStatics(config.staticRoutes);
    this.#wantLocal(before?.kernel.localAddresses ?? [], config.kernel.localAddresses);
    const isLearnChanged = before?.kernel.learn !== config.kernel.learn;
    if (isLearnChanged) for (const destination of [...this.#kernel.foreignDestinations()]) this.#learn(destination);
    const result = this.#applyNeighbors(before, config);
    if (before !== undefined && !isSamePolicy(before, config)) {
      for (const neighbor of this.#neighbors.values()) neighbor.refilter();
      for (const family of families) this.#ribs[family].markAllDirty();
    }
    this.#applyListener(before, config);
    if (before === undefined && this.#isRestart)
      this.#log.info({ routes: this.#kernel.size }, 'restarting: keeping the routes in the kernel');
    this.#convergence.start(this.#isRestart, config.dynamicNeighbors.length > 0, this.#options.previousPeers);
    this.#sessionsChanged();
    this.#wake();
    return result;
  }

  /** Tells the sink the best paths of all prefixes, from the whole table on. */
  watchLocRib(sink: UpdateSink): LocRibWatch {
    const send = (messages: Uint8Array): void => {
      sink.send(messages);
    };
    const member = { source: noSource, send, isCongested: () => sink.isCongested() };
    const groups = families.map((family) => this.#groups.locRib(family));
    for (const group of groups) {
      group.join(member);
      group.owe(member);
    }
    this.#wake();
    return {
      sizes: () => new Map(groups.map((group) => [group.settings.family, group.announcedTo(member)])),
      end: () => {
        for (const group of groups) this.#groups.leave(group, member);
      },
    };
  }

  /** A sink that was congested is not any more. */
  wake(): void {
    this.#wake();
  }

  /** Lets go of everything but the kernel's routes, so that peers take it for a restart (RFC 4724). */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#listener?.close();
    for (const neighbor of [...this.#neighbors.values(), ...this.#leaving]) neighbor.suspend();
    this.#convergence.close();
    clearInterval(this.#refreshTimer);
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#resyncTimer);
    clearTimeout(this.#tidyTimer);
    this.#kernel.close();
  }

  #configured(): DaemonConfig {
    if (this.#config === undefined) throw new Error('there is no configuration yet');
    return this.#config;
  }

  #applyNeighbors(before: DaemonConfig | undefined, config: DaemonConfig): ApplyResult {
    const counts = { added: 0, changed: 0, removed: 0, unchanged: 0 };
    const isOtherSpeaker = before !== undefined && before.routerId !== config.routerId;
    const wanted = new Map(config.neighbors.map((neighbor) => [neighbor.name, neighbor]));
    for (const next of this.#dynamic.configured(config)) if (!wanted.has(next.name)) wanted.set(next.name, next);
    for (const [name, neighbor] of [...this.#neighbors]) {
      const next = wanted.get(name);
      if (next !== undefined && !isOtherSpeaker && isSameSession(neighbor.config, next)) continue;
      neighbor.remove(next === undefined ? deconfigured() : reconfigured());
      this.#neighbors.delete(name);
      this.#leaving.add(neighbor);
      if (next === undefined) this.#dynamic.forget(name);
      if (next === undefined) counts.removed++;
      else counts.changed++;
    }
    for (const [name, next] of wanted) {
      const neighbor = this.#neighbors.get(name);
      if (neighbor === undefined) {
        if (!(before?.neighbors.some((other) => other.name === name) ?? false)) counts.added++;
        this.#addNeighbor(next);
      } else if (isDeepStrictEqual(neighbor.config, next)) {
        counts.unchanged++;
      } else {
        neighbor.reconfigure(next);
        counts.changed++;
      }
    }
    return counts;
  }

  #addNeighbor(config: NeighborConfig): Neighbor {
    const log = this.#log.child({ peer: config.name });
    const dial = (to: NeighborConfig): Socket => {
      if (!this.#isNear(to)) throw new Error('the peer is on no network of this node (see multihop)');
      return this.#options.dial(to);
    };
    const neighbor = new Neighbor(config, this.#nextSource++, this.#context, dial, log);
    this.#neighbors.set(config.name, neighbor);
    neighbor.start();
    return neighbor;
  }

  /** A peer in another AS has to be on a network of this node, unless it is configured to be further away. */
  #isNear(config: NeighborConfig): boolean {
    const { remoteAs, localAs, multihop, ttlSecurityHops } = config;
    return remoteAs === localAs || multihop || ttlSecurityHops > 1 || this.isConnected(config);
  }

  /** Forgets dynamic neighbours that are gone for good. */
  #dismiss(): void {
    for (const neighbor of this.#dynamic.gone()) {
      const { name } = neighbor.config;
      neighbor.remove(deconfigured());
      this.#neighbors.delete(name);
      this.#dynamic.forget(name);
      this.#leaving.add(neighbor);
    }
  }

  #wantLocal(before: readonly IpAddress[], wanted: readonly IpAddress[]): void {
    for (const address of before) if (!wanted.includes(address)) this.#kernel.want(hostCidr(address), undefined);
    for (const address of wanted) this.#kernel.want(hostCidr(address), { kind: 'local' });
  }

  #applyListener(before: DaemonConfig | undefined, config: DaemonConfig): void {
    const where = (of: DaemonConfig | undefined): unknown => [of?.listenAddresses, of?.listenPort];
    if (this.#listener === undefined || !isDeepStrictEqual(where(before), where(config))) {
      this.#listener?.close();
      this.#listener = this.#options.listen(config.listenAddresses, config.listenPort, {
        accept: (socket, remote) => {
          this.#accept(socket, remote);
        },
        state: (problem) => {
          this.#listenProblem = problem;
          this.#options.onChange();
        },
      });
    }
    const keys = [
      ...config.neighbors.map(({ address, password }) => [address, password] as const),
      ...config.dynamicNeighbors.map(({ prefix, password }) => [prefix, password] as const),
    ].flatMap(([peer, password]) => (password === undefined ? [] : [[peer, password] as const]));
    this.#listener.setKeys(new Map(keys));
  }

  #accept(socket: Socket, remote: PeerAddress): void {
    const hop = peerHop(remote);
    const known = this.neighbors.find(({ config }) => peerHop(config) === hop);
    const welcome = known === undefined ? this.#config && this.#dynamic.welcome(this.#config, remote) : undefined;
    const neighbor = welcome === undefined ? known : this.#addNeighbor(welcome);
    if (neighbor === undefined || !this.#isNear(neighbor.config)) {
      this.#log.debug({ remote: hop }, 'connection from an address that is no peer, or not one of a network of ours');
      socket.on('error', () => undefined).destroy();
    } else {
      neighbor.accept(socket);
    }
  }

  #learn(destination: Cidr): void {
    this.#local.learn(this.#kernel, destination, this.#config?.kernel.learn ?? false);
  }

  #sessionsChanged(): void {
    if (this.#isStopped) return;
    this.#convergence.check();
    for (const neighbor of this.#neighbors.values()) {
      if (this.#isComplete(neighbor)) neighbor.markEndOfRib();
    }
    this.#options.onChange();
  }

  /** Whether what this neighbour is told does not depend on peers that have yet to speak. */
  #isComplete(neighbor: Neighbor): boolean {
    if (this.#convergence.isDone) return true;
    return !neighbor.isTransit && !this.neighbors.some((other) => other !== neighbor && other.isTransit);
  }

  #converged(): void {
    if (this.#isRestart) this.#log.info('caught up with all peers, or waited long enough');
    this.#isSettling = true;
    for (const family of families) this.#ribs[family].markAllDirty();
    this.#wake();
    setImmediate(() => {
      this.#sessionsChanged();
    });
  }

  #wake(): void {
    if (this.#isAwake || this.#isStopped) return;
    this.#isAwake = true;
    setImmediate(() => {
      this.#isAwake = false;
      if (!this.#isStopped) this.#turn();
    });
  }

  #turn(): void {
    if (this.#config === undefined) return;
    if (this.#kernel.needsResync) this.#resyncLater();
    this.#kernel.reconcile(sliceRoutes);
    const deadlineMs = performance.now() + sliceMs;
    let isDone = true;
    for (const neighbor of [...this.#neighbors.values(), ...this.#leaving]) {
      if (!neighbor.sweep(slicePrefixes)) isDone = false;
      else if (this.#leaving.delete(neighbor))
        for (const family of families) this.#ribs[family].removeSource(neighbor.source);
    }
    for (const family of families) if (!this.#decide(family, deadlineMs)) isDone = false;
    if (this.#isSettling && isDone) {
      this.#isSettling = false;
      this.#kernel.converge();
    }
    if (!this.#kernel.reconcile(sliceRoutes)) isDone = false;
    if (!this.#groups.sync(slicePrefixes)) isDone = false;
    if (!isDone) this.#wake();
    else this.#tidyLater();
  }

  #decide(family: Family, deadlineMs: number): boolean {
    const rib = this.#ribs[family];
    const cost = this.#forwarding.costs();
    while (rib.hasDirty) {
      this.#decideSlice(family, rib, cost);
      if (performance.now() > deadlineMs) break;
    }
    return !rib.hasDirty;
  }

  #decideSlice(family: Family, rib: Rib, cost: NextHopCost | undefined): void {
    const { isProgramming } = this.#forwarding;
    const released = this.#released[family];
    const dirty = rib.takeDirty(slicePrefixes);
    for (let index = 0, count = dirty.length; index < count; index++) {
      const prefix = dirty[index] ?? 0;
      if (rib.decide(prefix, cost) < 0) released.push(prefix);
      if (isProgramming) this.#forwarding.program(rib, prefix, cost);
    }
    this.#groups.flush(family, dirty);
    // The kernel begins while the next slice is decided on.
    this.#kernel.reconcile(sliceRoutes);
  }

  /** What is not needed any more is let go when there is nothing else to do. */
  #tidyLater(): void {
    if (this.#isStopped) return;
    this.#tidyTimer ??= setTimeout(() => {
      this.#tidyTimer = undefined;
      if (!this.#isAwake) this.#tidy();
    }, this.#options.tidyMs ?? usualTidyMs);
  }

  /** Numbers of prefixes without paths come back once no peer has yet to be told that they are gone. */
  #tidy(): void {
    let isDone = true;
    if (!this.#groups.hasPending) this.#groups.tidy();
    for (const family of families) {
      const released = this.#released[family];
      if (released.length === 0 || this.#groups.hasPending) continue;
      for (let count = 0; count < sliceReleases; count++) {
        const prefix = released.pop();
        if (prefix < 0) break;
        this.#ribs[family].releaseIfEmpty(prefix);
      }
      if (released.length === 0) released.clear();
      else isDone = false;
    }
    this.#attributes.purge();
    if (!isDone) this.#tidyLater();
  }

  #retryLater(): void {
    this.#retryTimer ??= setTimeout(() => {
      this.#retryTimer = undefined;
      this.#kernel.retryFailed();
    }, retryMs);
  }

  #resyncLater(): void {
    this.#resyncTimer ??= setTimeout(() => {
      this.#resyncTimer = undefined;
      this.#kernel.resync();
    }, resyncDelayMs);
  }
}

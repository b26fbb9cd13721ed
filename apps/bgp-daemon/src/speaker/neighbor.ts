import type { Socket } from 'node:net';
import {
  ceaseSubcode,
  errorCode,
  maximumPrefixes,
  nlriToArray,
  shutdownNotification,
  notification,
  type Announcement,
  type GracefulRestart,
  type NextHop,
  type NlriBlock,
  type Notification,
  type PlainUpdate,
  type RouteRefreshKind,
  type Session,
  type StateName,
  type Update,
} from '@calico-node/bgp';
import type { Family, IpAddress } from '@calico-node/net';
import type { Logger } from '@calico-node/service';
import { peerHop, type NeighborConfig } from '../config/daemon-config.ts';
import type { NodeLink } from '../fib/kernel-table.ts';
import type { AttributeSet, PeerImport } from '../rib/attribute-table.ts';
import type { RibSource } from '../rib/rib-views.ts';
import type { ExportExplanation } from '../rib/update-group.ts';
import { observersOfOutcomes } from '../session/observer.ts';
import { Peer } from '../session/peer.ts';
import { SessionStatistics } from '../session/statistics.ts';
import { AdjRibOut } from './adj-rib-out.ts';
import type { SpeakerContext } from './context.ts';
import { filtersOf } from './export-policy.ts';
import { elevate, importThrough, longLivedSet } from './import-policy.ts';
import { longLivedOf, type LongLived } from './long-lived.ts';
import { receiveRoute } from './receive-route.ts';
import { selfAddresses } from './update-groups.ts';
import type { UpdateSink } from './update-sink.ts';

/** How long a peer that has come back may take until End-of-RIB, before what it did not repeat goes. */
const endOfRibMs = 120_000;

/** A neighbour's routes: its Adj-RIB-In, its membership in update groups, and what is kept while it restarts. */
export class Neighbor {
  readonly source: RibSource;
  /** Of the session, or of the last one. */
  statistics = new SessionStatistics();
  readonly #context: SpeakerContext;
  readonly #peer: Peer;
  readonly #log: Logger;
  readonly #families: readonly Family[];
  readonly #out: AdjRibOut;
  readonly #endOfRib = new Set<Family>();
  #config: NeighborConfig;
  #session: Session | undefined;
  #retainTimer: NodeJS.Timeout | undefined;
  /** Families of which stale routes are to go. */
  readonly #sweeping = new Set<Family>();
  /** Families of which the peer tells the whole table anew, between marks (RFC 7313). */
  readonly #refreshing = new Set<Family>();
  #isShutDown = false;
  #hasWarned = false;
  #isInSync = false;
  #importTarget: PeerImport;

  constructor(
    config: NeighborConfig,
    sourceId: number,
    context: SpeakerContext,
    dial: (config: NeighborConfig) => Socket,
    log: Logger,
  ) {
    this.#config = config;
    this.#context = context;
    this.#log = log;
    this.#families = config.families;
    this.#importTarget = this.#importTargetOf(undefined);
    this.source = { id: sourceId, name: config.name, route: this.#routeSource(0) };
    for (const family of this.#families) context.ribs[family].addSource(this.source);
    this.#out = new AdjRibOut(context, {
      source: sourceId,
      send: (messages) => {
        this.#peer.send(messages);
      },
      isCongested: () => this.#peer.isCongested,
    });
    const identity = {
      routerId: context.config().routerId,
      isRestarting: () => context.isRestarting(),
      dampening: () => context.config().dampening,
    };
    this.#peer = new Peer(
      config,
      identity,
      {
        dial,
        established: (session, localAddress) => {
          this.#established(session, localAddress);
        },
        lost: (retain) => {
          this.#lost(retain);
        },
        update: (update) => {
          this.#update(update);
        },
        plainUpdate: (bytes, update) => this.#plainUpdate(bytes, update),
        routeRefresh: (family, kind) => {
          this.#routeRefresh(family, kind);
        },
        drained: () => {
          context.wake();
        },
        observers: context.observers,
      },
      log,
    );
  }

  get config(): NeighborConfig {
    return this.#config;
  }

  get session(): Session | undefined {
    return this.#session;
  }

  get state(): StateName {
    return this.#peer.state;
  }

  get sinceMs(): number {
    return this.#peer.sinceMs;
  }

  get lastError(): string {
    return this.#peer.lastError;
  }

  get messages(): { readonly received: number; readonly sent: number } {
    return { received: this.#peer.messagesReceived, sent: this.#peer.messagesSent };
  }

  /** Short sessions in a row, and for how long the next has to wait. */
  get dampening(): { readonly flaps: number; readonly leftSeconds: number } {
    return this.#peer.dampening;
  }

  /** Ended by the operator, until it is reloaded. */
  get isShutDown(): boolean {
    return this.#isShutDown;
  }

  /** The session is down and its routes are kept for the peer's return. */
  get isRetained(): boolean {
    return this.#session === undefined && this.#retainTimer !== undefined;
  }

  /** All that the peer had to say at the start of its session has come (RFC 4724 2). */
  get isInSync(): boolean {
    return this.#isInSync;
  }

  get prefixesReceived(): number {
    return this.#families.reduce((sum, family) => sum + this.receivedOf(family), 0);
  }

  get prefixesSent(): number {
    return this.#families.reduce((sum, family) => sum + this.sentOf(family), 0);
  }

  receivedOf(family: Family): number {
    return this.#context.ribs[family].countOf(this.source);
  }

  sentOf(family: Family): number {
    return this.#out.sentOf(family);
  }

  /** May learn of other peers' routes, so that its End-of-RIB has to wait for theirs. */
  get isTransit(): boolean {
    const { remoteAs, localAs, routeReflectorClient } = this.#config;
    return remoteAs !== localAs || routeReflectorClient;
  }

  start(): void {
    this.#peer.start();
  }

  accept(socket: Socket): void {
    this.#peer.accept(socket);
  }

  /** Ends the session and drops its routes; `sweep` finishes that. */
  remove(cease: Notification): void {
    this.#peer.stop(cease);
    this.#dropAll();
  }

  /** Ends the session until `reload`, with words for the other side (RFC 9003). */
  shutDown(message: string): void {
    this.#isShutDown = true;
    this.#peer.stop(shutdownNotification(ceaseSubcode.administrativeShutdown, message));
    this.#dropAll();
  }

  /** Starts a session that was ended; else has both sides tell their routes anew, or begins a new session. */
  reload(isHard: boolean): 'restarted' | 'refreshed' {
    const session = this.#session;
    this.#isShutDown = false;
    if (this.#peer.isStopped || isHard || session === undefined) {
      this.#peer.stop(notification(errorCode.cease, ceaseSubcode.administrativeReset));
      this.#peer.start();
      return 'restarted';
    }
    this.#out.refreshBoth(session);
    this.#context.wake();
    return 'refreshed';
  }

  /** Tells the sink what the peer is told, from the whole table on, until `unmirror`. */
  mirror(sink: UpdateSink): void {
    this.#out.mirror(sink);
  }

  unmirror(sink: UpdateSink): void {
    this.#out.unmirror(sink);
  }

  /** The path to the peer has failed (RFC 5882 4): ends the session at once, and tries again. */
  pathFailed(keepsRoutes: boolean): void {
    this.#peer.pathFailed(keepsRoutes);
  }

  /** Closes the connection as a restart does: routes, ours there and theirs here, stay. */
  suspend(): void {
    this.#peer.stop();
    this.#sweeping.clear();
    clearTimeout(this.#retainTimer);
  }

  /** Takes over what does not concern the session: filters, next hop mode. */
  reconfigure(config: NeighborConfig): void {
    this.#config = config;
    this.#importTarget = this.#importTargetOf(this.#session);
    this.refilter();
    this.#out.reconfigure(config);
  }

  /** Applies the import filters anew to what has been received. */
  refilter(): void {
    const observers = observersOfOutcomes(this.#context.observers);
    for (const family of this.#families) {
      const rib = this.#context.ribs[family];
      rib.forEachOf(this.source, (prefix, { path, set }) => {
        const received = set.original ?? set;
        const filter = this.#filterFor(family, received);
        const taken = filter === undefined ? received : filter(prefix);
        const isChanged = rib.refilter(path, taken ?? received, taken === undefined);
        if (!isChanged || observers.length === 0) return;
        const route = { prefix: rib.cidr(prefix), pathId: rib.pathIdOf(path) };
        for (const observer of observers) observer.outcome(this.#config, route, taken?.attributes);
      });
    }
  }

  /** Tells the peer, once per session, that the initial table is complete, as soon as it is sent. */
  markEndOfRib(): void {
    this.#out.markEndOfRib();
  }

  /** Why the peer is told of a prefix, or not. */
  explainExport(family: Family, prefix: number): ExportExplanation {
    return this.#out.explain(family, prefix);
  }

  /** Removes a slice of the routes that are to go. True when none is left. */
  sweep(limit: number): boolean {
    for (const family of this.#sweeping) {
      if (!this.#context.ribs[family].sweepStale(this.source, limit)) return false;
      this.#sweeping.delete(family);
    }
    return true;
  }

  #routeSource(routerId: number): RibSource['route'] {
    const { remoteAs, localAs, address, multihop, ttlSecurityHops, clusterId } = this.#config;
    const { routeReflectorClient: client } = this.#config;
    const external = remoteAs !== localAs;
    const isAdjacent = external && !multihop && ttlSecurityHops <= 1;
    return { kind: 'bgp', external, routerId, address, client, clusterId, isAdjacent };
  }

  #established(session: Session, localAddress: IpAddress | undefined): void {
    this.#session = session;
    this.source.route = this.#routeSource(session.remoteRouterId);
    this.#importTarget = this.#importTargetOf(session);
    this.statistics = new SessionStatistics();
    this.#endOfRib.clear();
    this.#hasWarned = false;
    this.#resume(session);
    this.#isInSync = false;
    const address = localAddress ?? this.#config.sourceAddress;
    if (address !== undefined) this.#out.begin(this.#config, session, selfAddresses(address, this.#link()));
    this.#context.sessionsChanged();
    this.#context.wake();
  }

  /** RFC 4724 4.2: stale routes stay if the peer says that it has gone on forwarding, until its End-of-RIB. */
  #resume({ gracefulRestart, longLivedRestart }: Session): void {
    const entries = [...(gracefulRestart?.families ?? []), ...longLivedRestart];
    const isPreserved = (family: Family): boolean =>
      entries.some((entry) => entry.family === family && entry.forwardingPreserved);
    clearTimeout(this.#retainTimer);
    this.#retainTimer = undefined;
    for (const family of this.#families) if (!isPreserved(family)) this.#sweeping.add(family);
    if (this.#families.some(isPreserved)) this.#sweepAfter(endOfRibMs);
  }

  #lost(gracefulRestart: GracefulRestart | undefined): void {
    const session = this.#session;
    this.#session = undefined;
    this.#refreshing.clear();
    this.#out.end();
    const kept = this.#families.filter((family) => gracefulRestart?.families.some((entry) => entry.family === family));
    if (gracefulRestart === undefined || kept.length === 0) {
      this.#dropAll();
    } else {
      const { restartSeconds } = gracefulRestart;
      const longLived = longLivedOf(session, this.#config.longLivedSeconds);
      for (const family of this.#families) {
        const rib = this.#context.ribs[family];
        // RFC 4724 4.2: what an earlier restart has left stale, and has not come back, goes.
        if (!longLived.families.includes(family)) rib.sweepStale(this.source, Infinity);
        rib.markStale(this.source);
        if (kept.includes(family)) this.#sweeping.delete(family);
        else this.#sweeping.add(family);
      }
      this.#context.wake();
      if (longLived.families.length === 0) this.#sweepAfter(restartSeconds * 1000);
      else this.#keepLongAfter(restartSeconds * 1000, longLived);
      this.#log.info(
        { restartSeconds, longLivedSeconds: longLived.seconds, routes: this.prefixesReceived },
        'keeping the routes of a restarting peer',
      );
    }
    this.#context.sessionsChanged();
  }

  /** RFC 9494 4.2: what has not come back in time is kept for want of better, and marked so; of other families it goes. */
  #keepLongAfter(ms: number, { families, seconds }: LongLived): void {
    clearTimeout(this.#retainTimer);
    this.#retainTimer = setTimeout(() => {
      this.#log.warn({ seconds }, 'the peer is not back in time: its routes stay as the last resort');
      const marked = new Map<AttributeSet, AttributeSet | undefined>();
      const mark = (set: AttributeSet): AttributeSet | undefined => {
        if (!marked.has(set)) marked.set(set, longLivedSet(set, this.#context.attributes));
        return marked.get(set);
      };
      for (const family of this.#families) {
        if (families.includes(family)) this.#context.ribs[family].restampStale(this.source, mark);
        else this.#sweeping.add(family);
      }
      this.#context.wake();
      this.#sweepAfter(seconds * 1000);
    }, ms);
  }

  #dropAll(): void {
    for (const family of this.#families) this.#context.ribs[family].markStale(this.source);
    this.#sweepSoon();
  }

  #sweepAfter(ms: number): void {
    clearTimeout(this.#retainTimer);
    this.#retainTimer = setTimeout(() => {
      this.#log.warn('the peer has not repeated its routes in time');
      this.#sweepSoon();
    }, ms);
  }

  #sweepSoon(): void {
    clearTimeout(this.#retainTimer);
    this.#retainTimer = undefined;
    for (const family of this.#families) this.#sweeping.add(family);
    this.#context.wake();
  }

  #update({ withdrawn, announced, endOfRib, problems }: Update): void {
    for (const problem of problems) this.#log.warn({ problem }, 'malformed UPDATE handled (RFC 7606)');
    if (problems.some(({ action }) => action === 'withdraw')) this.statistics.treatedAsWithdrawn++;
    for (const block of withdrawn) this.#withdraw(block);
    for (const announcement of announced) this.#announce(announcement);
    if (endOfRib === undefined) return;
    for (const observer of observersOfOutcomes(this.#context.observers)) observer.endOfRib(this.#config, endOfRib);
    this.#endOfRib.add(endOfRib);
    this.#sweeping.add(endOfRib);
    this.#context.wake();
    if (this.#session?.families.every((family) => this.#endOfRib.has(family)) !== true) return;
    this.#isInSync = true;
    this.#sweepSoon();
    this.#context.sessionsChanged();
  }

  #routeRefresh(family: Family, kind: RouteRefreshKind): void {
    const session = this.#session;
    const isMarked = session?.enhancedRouteRefresh === true;
    if (kind === 'request') {
      this.#out.refresh(family, isMarked);
    } else if (isMarked && this.#families.includes(family)) {
      // RFC 7313 4: what is not repeated between the marks is gone; a mark at the end alone means nothing, and none does
      // before the End-of-RIB of a peer that sends it.
      if (kind === 'begin') {
        if (session.gracefulRestart !== undefined && !this.#endOfRib.has(family)) return;
        this.#refreshing.add(family);
        this.#context.ribs[family].markStale(this.source);
      } else if (this.#refreshing.delete(family)) this.#sweeping.add(family);
    }
    this.#context.wake();
  }

  /** An UPDATE whose attributes need no decoding, as nearly all are. */
  #plainUpdate(bytes: Uint8Array, update: PlainUpdate): boolean {
    if (this.#session?.role !== undefined || this.#config.receivedAs !== undefined) return false;
    const { attributes: table, ribs } = this.#context;
    const { attributesStart, attributesEnd, nlriEnd: end, withdrawnStart, withdrawnEnd } = update;
    const rib = ribs[4];
    let set: AttributeSet | undefined;
    if (end > attributesEnd) {
      set = table.findPlain(bytes, attributesStart, attributesEnd, this.#importTarget);
      if (set === undefined) return false;
    }
    if (withdrawnEnd > withdrawnStart) {
      this.#withdraw({ family: 4, bytes, start: withdrawnStart, end: withdrawnEnd, addPath: false });
    }
    if (set === undefined) return true;
    const run = { family: 4, bytes, start: attributesEnd, end, addPath: false } as const;
    const isOwn = set.nextHop !== undefined && this.#context.isLocalAddress(set.nextHop);
    if (set.problem === undefined && !isOwn) {
      rib.announceRun(this.source, run, set, this.#filterFor(4, set));
      this.#tellOutcomes(run);
    } else {
      this.statistics.note(set.problem);
      this.#withdraw(run);
    }
    this.#checkLimit(4);
    return true;
  }

  #withdraw(block: NlriBlock): void {
    this.#context.ribs[block.family].withdrawRun(this.source, block);
    this.#tellOutcomes(block);
  }

  /** Tells observers what has become of the prefixes of a message. */
  #tellOutcomes(block: NlriBlock): void {
    const observers = observersOfOutcomes(this.#context.observers);
    if (observers.length === 0) return;
    const rib = this.#context.ribs[block.family];
    for (const { prefix, pathId = 0 } of nlriToArray(block)) {
      const known = rib.prefixes.findCidr(prefix);
      const path = known < 0 ? undefined : rib.pathOf(this.source, known, pathId);
      const attributes = path === undefined || path.filtered ? undefined : path.set.attributes;
      for (const observer of observers) observer.outcome(this.#config, { prefix, pathId }, attributes);
    }
  }

  #announce({ block, attributes: received }: Announcement): void {
    const teller = { config: this.#config, role: this.#session?.role, link: () => this.#link() };
    const isLocalAddress = (address: NextHop): boolean => this.#context.isLocalAddress(address);
    const { attributes, problem } = receiveRoute(received, teller, { ...this.#importTarget, isLocalAddress });
    if (attributes === undefined) {
      // What it replaces is no longer announced either.
      this.#log.debug({ problem }, 'routes not usable');
      this.statistics.note(problem);
      this.#withdraw(block);
      return;
    }
    const { attributes: table, ribs } = this.#context;
    const set = table.intern(attributes);
    ribs[block.family].announceRun(this.source, block, set, this.#filterFor(block.family, set));
    this.#tellOutcomes(block);
    this.#checkLimit(block.family);
  }

  /** The link that the peer is on as well; none with who may be further away. */
  #link(): NodeLink | undefined {
    return this.#config.multihop ? undefined : this.#context.linkTowards(peerHop(this.#config));
  }

  /** Acts when the peer has announced more than it may (RFC 4271 6.7, RFC 4486 4). */
  #checkLimit(family: Family): void {
    const { prefixLimit } = this.#config;
    if (prefixLimit === undefined) return;
    const { prefixes, action, restartSeconds } = prefixLimit;
    if (this.#context.ribs[family].countOf(this.source) <= prefixes || this.#hasWarned) return;
    this.#hasWarned = true;
    this.#log.warn({ family, prefixes, action }, 'the peer announces more prefixes than it may');
    if (action === 'warn') return;
    const cease = maximumPrefixes(family, prefixes);
    if (action === 'restart') this.#peer.pause(cease, restartSeconds);
    else this.#peer.stop(cease);
  }

  /** What import makes of the attributes for each prefix; undefined where it leaves all as they are. */
  #filterFor(family: Family, set: AttributeSet): ((prefix: number) => AttributeSet | undefined) | undefined {
    const { attributes: table, ribs } = this.#context;
    const config = this.#context.config();
    const taking = this.#importTarget.external ? set : elevate(set, config.announce.normalPriority[family], table);
    const { importFilters } = this.#config;
    if (importFilters.length === 0 && taking === set) return undefined;
    const filters = filtersOf(config, importFilters);
    return importThrough(filters, ribs[family].prefixes, taking, table, this.statistics);
  }

  #importTargetOf(session: Session | undefined): PeerImport {
    const { localAs, allowedLocalAs, clusterId, enforceFirstAs, remoteAs } = this.#config;
    const { routerId } = this.#context.config();
    const firstAs = enforceFirstAs ? remoteAs : undefined;
    return { localAs, allowedLocalAs, routerId, clusterId, external: session?.external ?? false, firstAs };
  }
}

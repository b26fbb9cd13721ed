/**
 * Export of routes to monitoring stations (BMP, RFC 7854): the neighbours' Adj-RIBs-In before policy, as the UPDATEs
 * came, after it, route by route, or both; when a station connects, as they stand. See `SentRoutes` for the others.
 */
import {
  encodeEndOfRib,
  encodeInitiation,
  encodeOpenMessage,
  encodeOneRoute,
  encodeOneWithdrawal,
  encodePeerDown,
  encodePeerUp,
  encodeRouteMonitoring,
  encodeStatistics,
  encodeTermination,
  locRibPeer,
  locRibUp,
  type BmpPeer,
  type BmpPeerUp,
  type BmpStatistics,
  type Capability,
  type DownReason,
  type PathAttributes,
  type Session,
} from '@calico-node/bgp';
import { familyOf, type Cidr, type Family } from '@calico-node/net';
import { VERSION, type Logger } from '@calico-node/service';
import { isDeepStrictEqual } from 'node:util';
import type { BmpStationConfig, NeighborConfig } from '../config/daemon-config.ts';
import type { Neighbor } from '../speaker/neighbor.ts';
import type { RouteName, SessionObserver } from '../session/observer.ts';
import type { PathView } from '../rib/rib-views.ts';
import type { Speaker } from '../speaker/speaker.ts';
import { SentRoutes } from './sent-routes.ts';
import { Station } from './station.ts';

interface Monitored {
  readonly peer: BmpPeer;
  readonly up: BmpPeerUp;
  readonly session: Session;
  readonly sinceMs: number;
}

type Views = BmpStationConfig['views'];

export class Bmp implements SessionObserver {
  readonly #speaker: () => Speaker;
  readonly #log: Logger;
  readonly #established = new Map<string, Monitored>();
  readonly #statistics = new Map<Station, NodeJS.Timeout>();
  readonly #sent = new Map<Station, SentRoutes>();
  #stations: Station[] = [];

  constructor(speaker: () => Speaker, log: Logger) {
    this.#speaker = speaker;
    this.#log = log;
  }

  get stations(): readonly Station[] {
    return this.#stations;
  }

  /** Tells these stations, and no others. */
  sync(configs: readonly BmpStationConfig[]): void {
    const kept = this.#stations.filter(({ config }) => configs.some((other) => isDeepStrictEqual(config, other)));
    for (const station of this.#stations) if (!kept.includes(station)) station.close();
    const fresh = configs.filter((config) => !kept.some((station) => isDeepStrictEqual(station.config, config)));
    this.#stations = [...kept, ...fresh.map((config) => this.#open(config))];
  }

  #open(config: BmpStationConfig): Station {
    const { views } = config;
    const handlers = {
      initial: () => this.#initial(views),
      farewell: encodeTermination,
      connected: () => {
        this.#listenIn(station);
        const report = (): void => {
          this.#sendStatistics(station);
        };
        this.#statistics.set(station, setInterval(report, config.statisticsSeconds * 1000).unref());
      },
      drained: () => {
        this.#speaker().wake();
      },
      lost: () => {
        clearInterval(this.#statistics.get(station));
        this.#statistics.delete(station);
        this.#sent.get(station)?.close();
        this.#sent.delete(station);
      },
    };
    const station = new Station(config, handlers, this.#log);
    return station;
  }

  /** Has a station told what neighbours are told, and what the table holds, as far as it wants to know. */
  #listenIn(station: Station): void {
    const speaker = this.#speaker();
    const sent = new SentRoutes(station, speaker);
    this.#sent.set(station, sent);
    const { adjRibOut, locRib } = station.config.views;
    if (adjRibOut) for (const [name, { peer }] of this.#established) this.#mirror(sent, name, peer);
    if (locRib) sent.watchLocRib(this.#locRib());
  }

  #mirror(sent: SentRoutes, name: string, peer: BmpPeer): void {
    const neighbor = this.#speaker().neighbors.find(({ config }) => config.name === name);
    if (neighbor !== undefined) sent.mirror(neighbor, peer);
  }

  #locRib(): BmpPeer {
    const { localAs = 0, routerId = 0 } = this.#speaker().config ?? {};
    return locRibPeer(localAs, routerId);
  }

  established({ name, address, remoteAs }: NeighborConfig, session: Session, up: BmpPeerUp): void {
    const peer = { address, asn: remoteAs, routerId: session.remoteRouterId, as4: session.as4 };
    const sinceMs = Date.now();
    this.#established.set(name, { peer, up, session, sinceMs });
    this.#send(() => encodePeerUp(peer, up, sinceMs));
    for (const [station, sent] of this.#sent) if (station.config.views.adjRibOut) this.#mirror(sent, name, peer);
  }

  down({ name }: NeighborConfig, reason: DownReason): void {
    const monitored = this.#established.get(name);
    if (monitored === undefined) return;
    this.#established.delete(name);
    for (const sent of this.#sent.values()) sent.unmirror(name);
    this.#send(() => encodePeerDown(monitored.peer, reason, Date.now()));
  }

  get wantsUpdates(): boolean {
    return this.#stations.length > 0;
  }

  update({ name }: NeighborConfig, message: Uint8Array): void {
    const monitored = this.#established.get(name);
    if (monitored === undefined) return;
    this.#send(
      () => encodeRouteMonitoring(monitored.peer, message, Date.now()),
      (views) => views.prePolicy,
    );
  }

  get wantsOutcomes(): boolean {
    return this.#stations.some(({ config }) => config.views.postPolicy);
  }

  outcome({ name }: NeighborConfig, { prefix, pathId }: RouteName, attributes: PathAttributes | undefined): void {
    const monitored = this.#established.get(name);
    if (monitored === undefined) return;
    const { peer } = monitored;
    this.#send(
      () =>
        encodeRouteMonitoring(
          { ...peer, view: 'post-policy' },
          attributes === undefined
            ? encodeOneWithdrawal(prefix, agreedPathId(monitored, prefix, pathId))
            : encodeOne(monitored, prefix, attributes, pathId),
          Date.now(),
        ),
      (views) => views.postPolicy,
    );
  }

  endOfRib({ name }: NeighborConfig, family: Family): void {
    const monitored = this.#established.get(name);
    if (monitored === undefined) return;
    this.#send(
      () => encodeRouteMonitoring({ ...monitored.peer, view: 'post-policy' }, encodeEndOfRib(family), Date.now()),
      (views) => views.postPolicy,
    );
  }

  close(): void {
    this.sync([]);
  }

  #send(encode: () => Uint8Array, isFor: (views: Views) => boolean = () => true): void {
    const listening = this.#stations.filter(({ isConnected, config }) => isConnected && isFor(config.views));
    if (listening.length === 0) return;
    const message = encode();
    for (const station of listening) station.send(message);
  }

  /**
   * RFC 7854 3.3 and 5. What changes while this runs is told by itself: each route is taken from the table at
   * the moment it is sent, so that nothing older follows anything newer.
   */
  *#initial(views: Views): Generator<Uint8Array> {
    const speaker = this.#speaker();
    yield encodeInitiation(`calico-node bgp-daemon ${VERSION}`, speaker.config?.nodeName ?? '');
    if (views.locRib) yield encodePeerUp(this.#locRib(), locRibUp(this.#locRibOpen()), Date.now());
    const told = [...this.#established];
    for (const [, { peer, up, sinceMs }] of told) yield encodePeerUp(peer, up, sinceMs);
    for (const { prefix, paths, pathIdOf } of speaker.routes()) {
      for (const path of paths) {
        const monitored = path.stale ? undefined : this.#established.get(path.source.name);
        if (monitored !== undefined) yield* initialRoutes(monitored, prefix, path, pathIdOf(path), views);
      }
    }
    for (const [name, monitored] of told) {
      if (this.#established.get(name) !== monitored) continue;
      for (const family of monitored.session.families) {
        for (const peer of peersOf(monitored.peer, views))
          yield encodeRouteMonitoring(peer, encodeEndOfRib(family), Date.now());
      }
    }
  }

  #locRibOpen(): Uint8Array {
    const { asn, routerId } = this.#locRib();
    const families: readonly Capability[] = [
      { kind: 'multiprotocol', family: 4 },
      { kind: 'multiprotocol', family: 6 },
    ];
    const capabilities: readonly Capability[] = [
      ...families,
      { kind: 'extended-message' },
      { kind: 'four-octet-as', asn },
    ];
    return encodeOpenMessage({ asn, holdSeconds: 0, routerId, capabilities });
  }

  #sendStatistics(station: Station): void {
    for (const neighbor of this.#speaker().neighbors) {
      const monitored = this.#established.get(neighbor.config.name);
      if (monitored === undefined) continue;
      station.send(encodeStatistics(monitored.peer, statisticsOf(neighbor, monitored.session), Date.now()));
    }
    this.#sent.get(station)?.sendStatistics();
  }
}

function statisticsOf(neighbor: Neighbor, { families }: Session): BmpStatistics {
  const { rejected, clusterLoops, asLoops, originatorLoops, treatedAsWithdrawn } = neighbor.statistics;
  return {
    rejected,
    clusterLoops,
    asLoops,
    originatorLoops,
    treatedAsWithdrawn,
    routesIn: new Map(families.map((family) => [family, neighbor.receivedOf(family)])),
    routesOut: new Map(families.map((family) => [family, neighbor.sentOf(family)])),
  };
}

/** The peer, once for each view that a station has of it. */
function peersOf(peer: BmpPeer, { prePolicy, postPolicy }: Views): readonly BmpPeer[] {
  return [...(prePolicy ? [peer] : []), ...(postPolicy ? [{ ...peer, view: 'post-policy' } as const] : [])];
}

function* initialRoutes(
  monitored: Monitored,
  prefix: Cidr,
  { set, filtered }: PathView,
  pathId: number,
  views: Views,
): Generator<Uint8Array> {
  for (const peer of peersOf(monitored.peer, views)) {
    const isPostPolicy = peer.view === 'post-policy';
    if (isPostPolicy && filtered) continue;
    const { attributes } = isPostPolicy ? set : (set.original ?? set);
    yield encodeRouteMonitoring(peer, encodeOne(monitored, prefix, attributes, pathId), Date.now());
  }
}

function encodeOne(monitored: Monitored, prefix: Cidr, attributes: PathAttributes, pathId: number): Uint8Array {
  const { as4 } = monitored.session;
  return encodeOneRoute(prefix, attributes, { as4, pathId: agreedPathId(monitored, prefix, pathId) });
}

/** Only where the session has them (RFC 7911). */
function agreedPathId({ session }: Monitored, prefix: Cidr, pathId: number): number | undefined {
  return session.addPathReceive.includes(familyOf(prefix)) ? pathId : undefined;
}

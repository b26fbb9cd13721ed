/**
 * Export of what neighbours tell to monitoring stations (BMP, RFC 7854): their Adj-RIBs-In before policy, as
 * the UPDATEs came; when a station connects, as they stand.
 */
import {
  encodeEndOfRib,
  encodeInitiation,
  encodeOneRoute,
  encodePeerDown,
  encodePeerUp,
  encodeRouteMonitoring,
  encodeStatistics,
  encodeTermination,
  type BmpPeer,
  type BmpPeerUp,
  type DownReason,
  type Session,
} from '@calico-node/bgp';
import { familyOf } from '@calico-node/net';
import { VERSION, type Logger } from '@calico-node/service';
import { isDeepStrictEqual } from 'node:util';
import type { BmpStationConfig, NeighborConfig } from '../config/daemon-config.ts';
import type { SessionObserver } from '../session/observer.ts';
import type { Speaker } from '../speaker/speaker.ts';
import { Station } from './station.ts';

interface Monitored {
  readonly peer: BmpPeer;
  readonly up: BmpPeerUp;
  readonly session: Session;
  readonly sinceMs: number;
}

const statisticsMs = 60_000;

export class Bmp implements SessionObserver {
  readonly #speaker: () => Speaker;
  readonly #log: Logger;
  readonly #established = new Map<string, Monitored>();
  readonly #statistics: NodeJS.Timeout;
  #stations: Station[] = [];

  constructor(speaker: () => Speaker, log: Logger) {
    this.#speaker = speaker;
    this.#log = log;
    this.#statistics = setInterval(() => {
      this.#sendStatistics();
    }, statisticsMs).unref();
  }

  get stations(): readonly Station[] {
    return this.#stations;
  }

  /** Tells these stations, and no others. */
  sync(configs: readonly BmpStationConfig[]): void {
    const kept = this.#stations.filter(({ config }) => configs.some((other) => isDeepStrictEqual(config, other)));
    for (const station of this.#stations) if (!kept.includes(station)) station.close();
    const fresh = configs.filter((config) => !kept.some((station) => isDeepStrictEqual(station.config, config)));
    const handlers = { initial: () => this.#initial(), farewell: encodeTermination };
    this.#stations = [...kept, ...fresh.map((config) => new Station(config, handlers, this.#log))];
  }

  established({ name, address, remoteAs }: NeighborConfig, session: Session, up: BmpPeerUp): void {
    const peer = { address, asn: remoteAs, routerId: session.remoteRouterId, as4: session.as4 };
    const sinceMs = Date.now();
    this.#established.set(name, { peer, up, session, sinceMs });
    this.#send(() => encodePeerUp(peer, up, sinceMs));
  }

  down({ name }: NeighborConfig, reason: DownReason): void {
    const monitored = this.#established.get(name);
    if (monitored === undefined) return;
    this.#established.delete(name);
    this.#send(() => encodePeerDown(monitored.peer, reason, Date.now()));
  }

  update({ name }: NeighborConfig, message: Uint8Array): void {
    const monitored = this.#established.get(name);
    if (monitored !== undefined) this.#send(() => encodeRouteMonitoring(monitored.peer, message, Date.now()));
  }

  close(): void {
    clearInterval(this.#statistics);
    this.sync([]);
  }

  #send(encode: () => Uint8Array): void {
    const listening = this.#stations.filter(({ isConnected }) => isConnected);
    if (listening.length === 0) return;
    const message = encode();
    for (const station of listening) station.send(message);
  }

  /**
   * RFC 7854 3.3 and 5. What changes while this runs is told by itself: each route is taken from the table at
   * the moment it is sent, so that nothing older follows anything newer.
   */
  *#initial(): Generator<Uint8Array> {
    const speaker = this.#speaker();
    yield encodeInitiation(`calico-node bgp-daemon ${VERSION}`, speaker.config?.nodeName ?? '');
    const told = [...this.#established];
    for (const [, { peer, up, sinceMs }] of told) yield encodePeerUp(peer, up, sinceMs);
    for (const { prefix, paths, pathIdOf } of speaker.routes()) {
      for (const path of paths) {
        const monitored = path.stale ? undefined : this.#established.get(path.source.name);
        if (monitored === undefined) continue;
        const { peer, session } = monitored;
        const pathId = session.addPathReceive.includes(familyOf(prefix)) ? pathIdOf(path) : undefined;
        const update = encodeOneRoute(prefix, path.set.attributes, { as4: session.as4, pathId });
        yield encodeRouteMonitoring(peer, update, Date.now());
      }
    }
    for (const [name, monitored] of told) {
      if (this.#established.get(name) !== monitored) continue;
      for (const family of monitored.session.families)
        yield encodeRouteMonitoring(monitored.peer, encodeEndOfRib(family), Date.now());
    }
  }

  #sendStatistics(): void {
    for (const neighbor of this.#speaker().neighbors) {
      const monitored = this.#established.get(neighbor.config.name);
      if (monitored === undefined) continue;
      this.#send(() => encodeStatistics(monitored.peer, neighbor.prefixesReceived, Date.now()));
    }
  }
}

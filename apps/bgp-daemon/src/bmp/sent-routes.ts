import { encodeLocRibStatistics, encodeRouteMonitoring, type BmpPeer } from '@calico-node/bgp';
import type { Neighbor } from '../speaker/neighbor.ts';
import type { Speaker } from '../speaker/speaker.ts';
import type { LocRibWatch, UpdateSink } from '../speaker/update-sink.ts';
import type { Station } from './station.ts';

/** The length of a BGP message is behind its marker (RFC 4271 4.1). */
function lengthAt(messages: Uint8Array, at: number): number {
  return ((messages[at + 16] ?? 0) << 8) | (messages[at + 17] ?? 0);
}

/**
 * What a station is told beside what comes in: each neighbour's Adj-RIB-Out after policy (RFC 8671), and the Loc-RIB
 * (RFC 9069). The station listens in on the very groups that peers are told by, from the whole table on, and
 * at its own pace: what changes while it lags behind coalesces.
 */
export class SentRoutes {
  readonly #station: Station;
  readonly #speaker: Speaker;
  /** What ends each of those that go on, by the neighbour's name. */
  readonly #mirrored = new Map<string, () => void>();
  #locRib: { readonly peer: BmpPeer; readonly watch: LocRibWatch } | undefined;

  constructor(station: Station, speaker: Speaker) {
    this.#station = station;
    this.#speaker = speaker;
  }

  /** Tells all that a neighbour is told in its session, until `unmirror`. */
  mirror(neighbor: Neighbor, peer: BmpPeer): void {
    const { name } = neighbor.config;
    const sink = this.#sink({ ...peer, view: 'adj-rib-out' });
    this.unmirror(name);
    neighbor.mirror(sink);
    this.#mirrored.set(name, () => {
      neighbor.unmirror(sink);
    });
  }

  unmirror(name: string): void {
    this.#mirrored.get(name)?.();
    this.#mirrored.delete(name);
  }

  watchLocRib(peer: BmpPeer): void {
    this.#locRib = { peer, watch: this.#speaker.watchLocRib(this.#sink(peer)) };
  }

  /** RFC 9069 5.5 */
  sendStatistics(): void {
    if (this.#locRib === undefined) return;
    const { peer, watch } = this.#locRib;
    this.#station.send(encodeLocRibStatistics(peer, watch.sizes(), Date.now()));
  }

  /** The station is lost, or not wanted any more. */
  close(): void {
    for (const name of [...this.#mirrored.keys()]) this.unmirror(name);
    this.#locRib?.watch.end();
  }

  #sink(peer: BmpPeer): UpdateSink {
    return {
      send: (messages) => {
        for (let at = 0; at < messages.length; at += lengthAt(messages, at)) {
          const update = messages.subarray(at, at + lengthAt(messages, at));
          this.#station.send(encodeRouteMonitoring(peer, update, Date.now()));
        }
      },
      isCongested: () => !this.#station.isReady,
    };
  }
}

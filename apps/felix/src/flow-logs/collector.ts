/**
 * Connections of local workloads, and what policy said of them at either end.
 *
 * Rules tell of the first packets of a connection, and of each that is denied; the kernel's connections say how much went
 * over it and when it is over. What was never a connection, since it was denied, counts as over when nothing more of it
 * has come for a minute. No clock and no I/O.
 */
import type { IpAddress } from '@calico-node/net';
import type { CountedConnection, OriginalDestination, Traffic } from '@calico-node/netlink/conntrack';
import { protocols } from '../rules/matches.ts';
import type { Direction } from '../rules/names.ts';
import type { End } from './ends.ts';
import type { Flow, FlowCounts, FlowKey, TracedHit } from './flow.ts';
import { FlowTable } from './flow-table.ts';
import type { Hit } from './hit.ts';
import type { LoggedHeader } from './packet-header.ts';
import type { ServicePort } from './services.ts';
import { Trace } from './trace.ts';

const FORGOTTEN_AFTER_MS = 60_000;

export interface CollectorOptions {
  readonly endAt: (ip: IpAddress) => End;
  /** The policy of a local workload's tier that is asked first; undefined where nobody local has the address. */
  readonly workloadAt: (ip: IpAddress) => TierTriggers | undefined;
  readonly serviceAt: (sentTo: OriginalDestination, protocol: number) => ServicePort | undefined;
  /** More connections at once than that are not told of. */
  readonly limit: number;
}

/** Of a local workload. */
export type TierTriggers = (tier: string, direction: Direction) => Hit | undefined;

/** A connection as one of its ends saw it. */
export interface Side {
  readonly direction: Direction;
  readonly packet: LoggedHeader;
  /** The local workload's. */
  readonly end: End;
  readonly trace: Trace;
  /** If staged policies were enforced. */
  pending: readonly TracedHit[];
}

interface OwnSide extends Side {
  end: End;
  /** Packets that rules told of. */
  logged: Traffic;
  told: { readonly logged: Traffic; readonly forth: Traffic; readonly back: Traffic };
  /** Under which key it was told of last, and whether already since the last flush. */
  last: { readonly text: string; readonly key: FlowKey } | undefined;
  isLive: boolean;
}

interface Tracked {
  readonly packet: LoggedHeader;
  readonly sides: Map<Direction, OwnSide>;
  source: End;
  destination: End;
  service: ServicePort | undefined;
  forth: Traffic;
  back: Traffic;
  isConnection: boolean;
  isOver: boolean;
  seenMs: number;
}

const nothing: Traffic = { packets: 0, bytes: 0 };

export class Collector {
  readonly #options: CollectorOptions;
  readonly #tracked = new Map<string, Tracked>();
  readonly #flows = new FlowTable();
  #startMs: number;
  #left = 0;

  constructor(options: CollectorOptions, nowMs: number) {
    this.#options = options;
    this.#startMs = nowMs;
  }

  /** How many connections there are. */
  get count(): number {
    return this.#tracked.size;
  }

  /** A rule told of a packet. */
  packet(
    direction: Direction,
    hit: Hit,
    packet: LoggedHeader,
    sentTo: OriginalDestination | undefined,
    nowMs: number,
  ): void {
    const { workloadAt, limit } = this.#options;
    if (workloadAt(direction === 'ingress' ? packet.destination : packet.source) === undefined) return;
    const key = keyOf(packet);
    const known = this.#tracked.get(key);
    if (known?.isOver === true) this.#finish(key, known);
    else if (known === undefined && this.#tracked.size >= limit) {
      this.#left++;
      return;
    }
    const tracked = this.#tracked.get(key) ?? this.#track(key, packet, nowMs);
    tracked.seenMs = nowMs;
    tracked.service ??= this.#serviceOf(packet, sentTo);
    this.#findEnds(tracked);
    const side = tracked.sides.get(direction) ?? newSide(direction, packet, tracked);
    tracked.sides.set(direction, side);
    if (side.trace.contradicts(hit)) this.#tell(tracked, side);
    side.trace.add(hit);
    if (hit.action === 'Pass') return;
    side.logged = plus(side.logged, { packets: 1, bytes: packet.bytes });
  }

  /** All the connections that the kernel has. */
  connections(connections: Iterable<CountedConnection>, nowMs: number): void {
    const counts = new Map<Tracked, Pick<CountedConnection, 'forth' | 'back' | 'isEnding'>>();
    for (const connection of connections) {
      const tracked = this.#tracked.get(keyOf(connection));
      if (tracked === undefined) continue;
      const before = counts.get(tracked);
      const { forth, back, isEnding } = connection;
      // Echo requests of several processes look alike here.
      if (before === undefined) counts.set(tracked, { forth, back, isEnding });
      else counts.set(tracked, { forth: plus(before.forth, forth), back: plus(before.back, back), isEnding });
      tracked.service ??= this.#serviceOf(tracked.packet, connection.sentTo);
    }
    for (const tracked of this.#tracked.values()) {
      const found = counts.get(tracked);
      if (found === undefined) {
        tracked.isOver ||= tracked.isConnection;
        continue;
      }
      tracked.isConnection = true;
      tracked.isOver = found.isEnding;
      tracked.forth = found.forth;
      tracked.back = found.back;
      tracked.seenMs = nowMs;
    }
  }

  /** The sides of all connections. */
  *sides(): IterableIterator<Side> {
    for (const { sides } of this.#tracked.values()) yield* sides.values();
  }

  /** The flows since the last flush, and how many packets of others there was no room for. */
  flush(nowMs: number): { readonly flows: readonly Flow[]; readonly left: number } {
    for (const [key, tracked] of this.#tracked) {
      const { isConnection, seenMs } = tracked;
      tracked.isOver ||= !isConnection && nowMs - seenMs >= FORGOTTEN_AFTER_MS;
      if (tracked.isOver) {
        this.#finish(key, tracked);
        continue;
      }
      this.#findEnds(tracked);
      for (const side of tracked.sides.values()) this.#tell(tracked, side);
    }
    const flows = this.#flows.take(this.#startMs, nowMs);
    const left = this.#left;
    this.#startMs = nowMs;
    this.#left = 0;
    for (const { sides } of this.#tracked.values()) for (const side of sides.values()) side.isLive = false;
    return { flows, left };
  }

  #track(key: string, packet: LoggedHeader, nowMs: number): Tracked {
    const { endAt } = this.#options;
    const tracked: Tracked = {
      packet,
      sides: new Map(),
      source: endAt(packet.source),
      destination: endAt(packet.destination),
      service: undefined,
      ...{ forth: nothing, back: nothing, isConnection: false, isOver: false },
      seenMs: nowMs,
    };
    this.#tracked.set(key, tracked);
    return tracked;
  }

  /** An end that is gone meanwhile stays what it was. */
  #findEnds(tracked: Tracked): void {
    const { source, destination } = tracked.packet;
    const [from, to] = [this.#options.endAt(source), this.#options.endAt(destination)];
    if (from.item !== undefined) tracked.source = from;
    if (to.item !== undefined) tracked.destination = to;
    for (const side of tracked.sides.values())
      side.end = side.direction === 'ingress' ? tracked.destination : tracked.source;
  }

  #serviceOf({ protocol }: LoggedHeader, sentTo: OriginalDestination | undefined): ServicePort | undefined {
    return sentTo && this.#options.serviceAt(sentTo, protocol);
  }

  #finish(key: string, tracked: Tracked): void {
    for (const side of tracked.sides.values()) {
      this.#tell(tracked, side);
      if (side.last !== undefined) this.#count(tracked, side.last.key, { completed: 1 });
    }
    this.#tracked.delete(key);
  }

  /** Tells what has come since it was told last; nothing before it is decided. */
  #tell(tracked: Tracked, side: OwnSide): void {
    const key = this.#keyOf(tracked, side);
    if (key === undefined) return;
    const traffic = trafficSince(tracked, side);
    const text = this.#count(tracked, key, traffic);
    const isOther = side.last?.text !== text;
    if (isOther && side.last !== undefined) this.#count(tracked, side.last.key, { completed: 1 });
    const isNews = isOther || !side.isLive;
    if (isNews) this.#count(tracked, key, { live: 1, ...(isOther ? { started: 1 } : {}) });
    side.last = { text, key };
    side.isLive = true;
    side.told = { logged: side.logged, forth: tracked.forth, back: tracked.back };
  }

  #count({ source, destination }: Tracked, key: FlowKey, counts: Partial<FlowCounts>): string {
    return this.#flows.add(key, source, destination, counts);
  }

  #keyOf({ packet, source, destination, service }: Tracked, side: OwnSide): FlowKey | undefined {
    const { direction, trace, pending } = side;
    const action = trace.verdict;
    if (action === undefined) return undefined;
    const triggers = this.#options.workloadAt(direction === 'ingress' ? packet.destination : packet.source);
    return {
      source: nameOf(source),
      destination: nameOf(destination),
      destinationPort: packet.destinationPort ?? 0,
      service,
      protocol: packet.protocol,
      direction,
      action,
      enforced: trace.hits.map((hit) => withTrigger(hit, triggers?.(hit.tier, direction))),
      pending,
    };
  }
}

function withTrigger(hit: Hit, trigger: Hit | undefined): TracedHit {
  return hit.kind !== 'EndOfTier' || trigger === undefined ? hit : { ...hit, trigger };
}

function nameOf({ type, namespace, name }: End): FlowKey['source'] {
  return { type, namespace, name };
}

function newSide(direction: Direction, packet: LoggedHeader, { source, destination }: Tracked): OwnSide {
  return {
    direction,
    packet,
    end: direction === 'ingress' ? destination : source,
    trace: new Trace(),
    pending: [],
    logged: nothing,
    told: { logged: nothing, forth: nothing, back: nothing },
    last: undefined,
    isLive: false,
  };
}

function trafficSince(
  { isConnection, forth, back, packet }: Tracked,
  { direction, logged, told }: OwnSide,
): Partial<FlowCounts> {
  const mayShrink = packet.protocol === protocols.icmp || packet.protocol === protocols.icmpv6;
  const there = isConnection ? since(forth, told.forth, mayShrink) : since(logged, told.logged, false);
  const here = isConnection ? since(back, told.back, mayShrink) : nothing;
  const [into, out] = direction === 'ingress' ? [there, here] : [here, there];
  return { packetsIn: into.packets, packetsOut: out.packets, bytesIn: into.bytes, bytesOut: out.bytes };
}

/** A count that begins anew is that of another connection with the same ends. */
function since(now: Traffic, before: Traffic, mayShrink: boolean): Traffic {
  if (now.packets < before.packets) return mayShrink ? nothing : now;
  return { packets: now.packets - before.packets, bytes: Math.max(0, now.bytes - before.bytes) };
}

function plus(a: Traffic, b: Traffic): Traffic {
  return { packets: a.packets + b.packets, bytes: a.bytes + b.bytes };
}

function keyOf(
  packet: Pick<LoggedHeader, 'protocol' | 'source' | 'destination' | 'sourcePort' | 'destinationPort'>,
): string {
  const { protocol, source, destination, sourcePort = 0, destinationPort = 0 } = packet;
  return `${protocol} ${source} ${sourcePort} ${destination} ${destinationPort}`;
}

import { familyOf, type Family } from '@calico-node/net';
import { RouteBatch, type RouteSocket, type RouteWay } from '@calico-node/netlink';
import { metricOf, ownProtocol, type FibChange, type FibError, type FibWay } from './fib.ts';

/** Of every network namespace's own (linux/netdevice.h, LOOPBACK_IFINDEX). */
const loopbackIndex = 1;

/** Writes changes into the kernel's main table, off the main thread: the next ones are worked out meanwhile. */
export class RouteWriter {
  readonly #socket: RouteSocket;
  readonly #batch = new RouteBatch();
  /** Which change each request of the batch belongs to. */
  #changeOf: number[] = [];
  readonly #ways: Readonly<Record<Family, WeakMap<FibWay, RouteWay>>> = { 4: new WeakMap(), 6: new WeakMap() };
  readonly #deletions = new Map<number, RouteWay>();

  constructor(socket: RouteSocket) {
    this.#socket = socket;
  }

  /**
   * One result per change, `undefined` for success. One call at a time.
   * Rejects with NetlinkError when the socket fails: then nothing is known of the changes.
   */
  async write(changes: readonly FibChange[]): Promise<readonly (FibError | undefined)[]> {
    const errors = new Array<FibError | undefined>(changes.length).fill(undefined);
    for (let next = 0; next < changes.length;) {
      next = this.#fill(changes, next);
      for (const [index, error] of (await this.#socket.executeBatch(this.#batch)).entries()) {
        if (error !== undefined) errors[this.#changeOf[index] ?? 0] ??= { code: error.code, message: error.message };
      }
    }
    return errors;
  }

  /** Takes changes into the batch until it is full; the index of the first that is left. */
  #fill(changes: readonly FibChange[], from: number): number {
    const batch = this.#batch;
    batch.clear();
    this.#changeOf = [];
    let index = from;
    for (; index < changes.length && !batch.isFull; index++) {
      const change = changes[index];
      if (change === undefined) break;
      this.#append(change);
      while (this.#changeOf.length < batch.count) this.#changeOf.push(index);
    }
    return index;
  }

  #append(change: FibChange): void {
    const { kind, destination } = change;
    if (kind === 'delete') {
      this.#batch.append('delete', destination, this.#deletion(change.metric));
      return;
    }
    const way = this.#wayOf(change.way, familyOf(destination));
    this.#batch.append(kind === 'replace' ? 'replace' : 'add', destination, way);
    if (kind === 'move') this.#batch.append('delete', destination, this.#deletion(change.oldMetric));
  }

  #wayOf(way: FibWay, family: Family): RouteWay {
    const ways = this.#ways[family];
    let known = ways.get(way);
    if (known === undefined) {
      known = toRouteWay(way, family);
      ways.set(way, known);
    }
    return known;
  }

  #deletion(metric: number): RouteWay {
    let way = this.#deletions.get(metric);
    if (way === undefined) {
      way = withMetric(metric);
      this.#deletions.set(metric, way);
    }
    return way;
  }
}

function withMetric(metric: number): RouteWay {
  return { protocol: ownProtocol, ...(metric === 0 ? {} : { metric }) };
}

function toRouteWay(way: FibWay, family: Family): RouteWay {
  const common = withMetric(metricOf(way, family));
  if (way.kind === 'blackhole') return { ...common, type: 'blackhole' };
  if (way.kind === 'local') return { ...common, type: 'local', interfaceIndex: loopbackIndex };
  const [first, ...others] = way.hops;
  return others.length === 0 ? { ...common, ...first } : { ...common, multipath: way.hops };
}

import type { FibHop, FibWay } from './fib.ts';

/** Gives the routes through one next hop the same way, for as long as that hop's object lives. */
export class FibWays {
  readonly #through = new WeakMap<FibHop, FibWay>();

  /** Undefined without a hop. `metric` undefined: the usual one. */
  through(hops: readonly FibHop[], metric: number | undefined): FibWay | undefined {
    const [hop, ...others] = hops;
    if (hop === undefined) return undefined;
    if (others.length > 0 || metric !== undefined) return { kind: 'via', hops, metric };
    let way = this.#through.get(hop);
    if (way === undefined) {
      way = { kind: 'via', hops: [hop] };
      this.#through.set(hop, way);
    }
    return way;
  }
}

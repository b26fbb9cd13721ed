/** What the RIB's callers give it, and how they see what is in it. */
import type { NextHop, RouteSource } from '@calico-node/bgp';
import type { AttributeSet } from './attribute-table.ts';

/** A source of routes: a peer, the kernel, or the static routes. */
export interface RibSource {
  /** Small and unique; never used again. */
  readonly id: number;
  readonly name: string;
  /** A peer's changes with each session. */
  route: RouteSource;
}

/** The cost of reaching a next hop; `undefined` when it cannot be reached (RFC 4271 9.1.2.1). */
export type NextHopCost = (nextHop: NextHop) => number | undefined;

/** A path as seen from outside; made on demand. */
export interface PathView {
  readonly path: number;
  readonly source: RibSource;
  readonly set: AttributeSet;
  readonly stale: boolean;
  readonly filtered: boolean;
  readonly interfaceName: string | undefined;
}

/** Encoded prefixes of a message, one after the other, each with a path identifier if `addPath`. */
export interface PrefixRun {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly addPath: boolean;
}

/** What the RIB keeps of a source. */
export interface SourceState {
  readonly source: RibSource;
  count: number;
  /** Paths of an earlier one are stale. */
  generation: number;
  /** No stale path stands before this one. */
  sweptTo: number;
}

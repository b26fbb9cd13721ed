/**
 * How far the move of a virtual machine to an endpoint of this host has come (Calico's live migration):
 *
 *   base ── the move begins ─► target ── it announces itself here ─► live ── the move is over ─► settling ── time ─► base
 *                                └────── the move is over, and nobody heard of it ────────────────►┘
 *
 * Until it runs here, what is for it goes where it was: there is no route. Once it does, our route goes before that of
 * the host where it was, until everybody has heard. From wherever it is, it is at the base at once when the endpoint goes,
 * or when the machine begins to move on: then another's route must go before ours.
 */
export type MigrationPhase = 'base' | 'target' | 'live' | 'settling';

export type MigrationEvent = 'begins' | 'announced' | 'ends' | 'settled' | 'departs';

const transitions: Readonly<Record<MigrationPhase, Readonly<Record<MigrationEvent, MigrationPhase>>>> = {
  base: { begins: 'target', announced: 'base', ends: 'base', settled: 'base', departs: 'base' },
  target: { begins: 'target', announced: 'live', ends: 'settling', settled: 'target', departs: 'base' },
  live: { begins: 'live', announced: 'live', ends: 'settling', settled: 'live', departs: 'base' },
  settling: { begins: 'target', announced: 'settling', ends: 'settling', settled: 'base', departs: 'base' },
};

export function nextPhase(phase: MigrationPhase, event: MigrationEvent): MigrationPhase {
  return transitions[phase][event];
}

/** Which route an endpoint has: none, the usual one, or one that goes before others'. */
export type Routing = 'none' | 'normal' | 'elevated';

export const routingOf: Readonly<Record<MigrationPhase, Routing>> = {
  base: 'normal',
  target: 'none',
  live: 'elevated',
  settling: 'elevated',
};

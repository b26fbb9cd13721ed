import { isSameHit, type Hit } from './hit.ts';

/** The hits of a connection's packets at one end, in the order in which they were met: one for each tier that was asked. */
export class Trace {
  #hits: readonly Hit[] = [];

  get hits(): readonly Hit[] {
    return this.#hits;
  }

  /** Of its last hit; undefined while tiers are still to come. */
  get verdict(): 'Allow' | 'Deny' | undefined {
    const action = this.#hits.at(-1)?.action;
    return action === 'Pass' ? undefined : action;
  }

  /** Whether the hit tells of another way than the one known so far: policy has changed between two packets. */
  contradicts(hit: Hit): boolean {
    const before = this.#hits.find(({ tier }) => tier === hit.tier);
    return before === undefined ? this.verdict !== undefined : !isSameHit(before, hit);
  }

  add(hit: Hit): void {
    const at = this.#hits.findIndex(({ tier }) => tier === hit.tier);
    const known = at === -1 ? undefined : this.#hits[at];
    if (known !== undefined && isSameHit(known, hit)) return;
    if (known !== undefined) this.#hits = [...this.#hits.slice(0, at), hit];
    // A tier that was not asked before: the way begins anew.
    else this.#hits = this.verdict === undefined ? [...this.#hits, hit] : [hit];
  }
}

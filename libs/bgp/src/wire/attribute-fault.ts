/** An attribute that was wrong, and what RFC 7606 2 does about it. */
export interface AttributeProblem {
  readonly code: number;
  readonly action: 'discard' | 'withdraw';
  readonly reason: string;
}

export type Harmless = Pick<AttributeProblem, 'action' | 'reason'>;

/** What is wrong with an attribute; `subcode` is RFC 4271 6.3's. */
export type Fault = Harmless | { readonly action: 'reset'; readonly subcode: number; readonly reason: string };

export const discard = (reason: string): Harmless => ({ action: 'discard', reason });
export const withdraw = (reason: string): Harmless => ({ action: 'withdraw', reason });
export const reset = (subcode: number, reason: string): Fault => ({ action: 'reset', subcode, reason });

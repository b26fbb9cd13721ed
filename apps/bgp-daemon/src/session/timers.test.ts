import { describe, expect, it } from 'vitest';
import { durationMs } from './timers.ts';

describe('timers', () => {
  it('are shortened by up to a quarter where peers must not march in step (RFC 4271 10)', () => {
    for (const name of ['connect-retry', 'idle-hold'] as const)
      expect([durationMs(name, 4, 0), durationMs(name, 4, 1)]).toEqual([3000, 4000]);
    expect([durationMs('keepalive', 30, 0), durationMs('keepalive', 30, 1)]).toEqual([22_500, 30_000]);
  });

  it('are kept to the letter where the peer relies on them', () => {
    for (const name of ['hold', 'send-hold'] as const) expect(durationMs(name, 90, 0)).toBe(90_000);
  });

  it('send no more than one KEEPALIVE a second (4.4)', () => {
    expect(durationMs('keepalive', 1, 0)).toBe(1000);
    expect(durationMs('keepalive', 0.5, 0.5)).toBe(1000);
  });
});

import { describe, expect, it } from 'vitest';
import { SlotList } from './slot-list.ts';

describe('a slot list', () => {
  it('has what was set last, and nothing elsewhere, however far apart', () => {
    const list = new SlotList<{ readonly name: string }>();
    const slots = [0, 1, 4095, 4096, 70_000, 500_000];
    for (const slot of slots) list.set(slot, { name: `${slot}` });
    list.set(4096, undefined);
    list.set(1, { name: 'other' });
    expect(slots.map((slot) => list.at(slot)?.name)).toEqual(['0', 'other', '4095', undefined, '70000', '500000']);
    expect([2, 4097, 69_999, 600_000].map((slot) => list.at(slot))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnnouncedSlots } from './announced-slots.ts';
import { makeOutbound } from './attribute-table.ts';

describe('the slots of what is announced', () => {
  it('have what was set last, and nothing elsewhere, whatever came before', () => {
    const outbounds = Array.from({ length: 6 }, (_, index) => makeOutbound(`${index}`, undefined));
    const change = fc.record({
      slot: fc.constantFrom(0, 1, 2, 3, 4095, 4096, 70_000),
      which: fc.option(fc.nat(outbounds.length - 1), { nil: undefined }),
      source: fc.constantFrom(0, 3, 200),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), fc.nat(8), (changes, room) => {
        const own = outbounds.map(({ attributes }) => makeOutbound(attributes, undefined));
        const slots = new AnnouncedSlots(room);
        const expected = new Map<number, readonly [string, number]>();
        for (const { slot, which, source } of changes) {
          const outbound = which === undefined ? undefined : own[which];
          slots.set(slot, outbound, source);
          if (outbound === undefined) expected.delete(slot);
          else expected.set(slot, [outbound.attributes, source]);
        }
        for (const slot of [0, 1, 2, 3, 7, 4095, 4096, 70_000, 900_000]) {
          const [attributes, source] = expected.get(slot) ?? [undefined, -1];
          expect(slots.at(slot)?.attributes).toBe(attributes);
          expect(slots.sourceAt(slot)).toBe(source);
        }
        expect(slots.size).toBe(expected.size);
        for (const id of [0, 3, 200, 201])
          expect(slots.countFrom(id)).toBe([...expected.values()].filter(([, source]) => source === id).length);
        for (const { attributes, references } of own)
          expect(references).toBe([...expected.values()].filter(([other]) => other === attributes).length);
      }),
    );
  });

  it('give a number to another when nothing has it any more', () => {
    const slots = new AnnouncedSlots(4);
    for (let index = 0; index < 100; index++) {
      const outbound = makeOutbound(`${index}`, undefined);
      slots.set(index % 3, outbound, 1);
      expect(outbound.number).toBeLessThan(5);
    }
  });
});

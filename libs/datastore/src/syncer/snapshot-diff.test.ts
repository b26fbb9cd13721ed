import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EmittedKeys, type Update } from './snapshot-diff.ts';

/** Applies updates to a state as a consumer does. */
function apply(state: Map<string, string>, updates: readonly Update[]): void {
  for (const { key, value } of updates) {
    if (value === undefined) state.delete(key);
    else state.set(key, value);
  }
}

const key = fc.constantFrom('/a', '/b', '/c', '/d', '/e');
/** A store's history: each step writes or deletes one key, and takes one revision. */
const history = fc.array(fc.record({ key, isDelete: fc.boolean() }), { maxLength: 60 });

describe('EmittedKeys', () => {
  it('takes no deletion for news that is older than what it has', () => {
    const emitted = new EmittedKeys();
    expect(emitted.note({ key: '/a', value: 'x', revision: 5n })).toBe(true);
    expect(emitted.note({ key: '/a', value: undefined, revision: 4n })).toBe(false);
    expect(emitted.note({ key: '/a', value: undefined, revision: 6n })).toBe(true);
  });

  it('brings a consumer to the state of the store, whichever changes reached it and whichever were lost', () => {
    fc.assert(
      fc.property(
        history,
        fc.array(fc.constantFrom('deliver', 'lose', 'snapshot'), { minLength: 60, maxLength: 60 }),
        (steps, fates) => {
          const store = new Map<string, { key: string; value: string; revision: bigint }>();
          const emitted = new EmittedKeys();
          const consumer = new Map<string, string>();
          let revision = 0n;
          let missed = false;
          const snapshot = (): void => {
            apply(consumer, emitted.replace([...store.values()], revision, false));
            missed = false;
          };
          for (const [index, step] of steps.entries()) {
            revision++;
            if (step.isDelete) store.delete(step.key);
            else store.set(step.key, { key: step.key, value: String(revision), revision });
            const fate = fates[index];
            if (fate === 'snapshot') snapshot();
            else if (fate === 'lose' || missed) missed = true;
            else {
              const update = { key: step.key, value: step.isDelete ? undefined : String(revision), revision };
              if (emitted.note(update)) apply(consumer, [update]);
            }
          }
          snapshot();
          expect(new Map(consumer)).toEqual(new Map([...store].map(([name, entry]) => [name, entry.value])));
          expect(emitted.replace([...store.values()], revision, false)).toEqual([]);
        },
      ),
    );
  });

  it('swallows a change that was delivered before', () => {
    const emitted = new EmittedKeys();
    const update = { key: '/a', value: 'x', revision: 5n };
    expect(emitted.note(update)).toBe(true);
    expect(emitted.note(update)).toBe(false);
    expect(emitted.note({ key: '/a', value: undefined, revision: 6n })).toBe(true);
    expect(emitted.note({ key: '/a', value: undefined, revision: 6n })).toBe(false);
  });

  it('takes every key as changed when the store is another', () => {
    const emitted = new EmittedKeys();
    emitted.note({ key: '/a', value: 'x', revision: 5n });
    const item = { key: '/a', value: 'y', revision: 5n };
    expect(emitted.replace([item], 5n, true)).toEqual([item]);
  });
});

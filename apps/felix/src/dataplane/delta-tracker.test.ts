import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeltaTracker, type Delta } from './delta-tracker.ts';

/** Does what a delta says, refusing what a kernel would refuse. */
function perform(kernel: Map<string, number>, delta: Delta<string, number>): void {
  for (const [key] of delta.removals) if (!kernel.delete(key)) throw new Error(`${key} is not there`);
  for (const [key, value] of delta.additions) {
    if (kernel.has(key)) throw new Error(`${key} is there`);
    kernel.set(key, value);
  }
}

const key = fc.constantFrom('a', 'b', 'c', 'd');
const step = fc.oneof(
  fc.record({ type: fc.constant('set' as const), key, value: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ type: fc.constant('delete' as const), key }),
  fc.record({ type: fc.constant('clear' as const) }),
  fc.record({ type: fc.constant('apply' as const) }),
  fc.record({ type: fc.constant('apply with changes in flight' as const), key, value: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ type: fc.constant('meddle' as const), key, value: fc.integer({ min: 1, max: 3 }) }),
);

describe('DeltaTracker', () => {
  it('brings the kernel to what is desired, whatever happens in between', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const tracker = new DeltaTracker<string, number>();
        const desired = new Map<string, number>();
        const kernel = new Map<string, number>();
        const apply = (inFlight: () => void): void => {
          const delta = tracker.pending();
          inFlight();
          perform(kernel, delta);
          tracker.commit(delta);
        };
        for (const step of steps) {
          switch (step.type) {
            case 'set':
              tracker.set(step.key, step.value);
              desired.set(step.key, step.value);
              break;
            case 'delete':
              tracker.delete(step.key);
              desired.delete(step.key);
              break;
            case 'clear':
              tracker.clear();
              desired.clear();
              break;
            case 'apply':
              apply(() => undefined);
              break;
            case 'apply with changes in flight':
              apply(() => {
                tracker.set(step.key, step.value);
                desired.set(step.key, step.value);
              });
              break;
            case 'meddle':
              kernel.set(step.key, step.value);
              tracker.replaceActual(kernel);
              break;
          }
        }
        apply(() => undefined);
        expect(kernel).toEqual(desired);
        expect(tracker.pending()).toEqual({ removals: [], additions: [] });
      }),
    );
  });
});

/** The final state depends on each key's newest value alone: not on order, batching or what was there between. */
import { parseNodeName } from '@calico-node/net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CalcGraph, type CalcGraphOptions, type StoreUpdate } from './calc-graph.ts';
import { IntentMirror } from './testing/intent-mirror.ts';
import { randomUpdate, slicePrefix } from './testing/random-updates.ts';
import { deleted } from './testing/resources.ts';

const history = fc
  .array(fc.record({ update: randomUpdate, isDeleted: fc.nat(4).map((n) => n === 0), flushAfter: fc.boolean() }), {
    maxLength: 60,
    size: 'max',
  })
  .map((steps) =>
    steps.map(({ update: step, isDeleted, flushAfter }) => ({ update: isDeleted ? deleted(step) : step, flushAfter })),
  );

function newestOfEachKey(updates: readonly StoreUpdate[]): readonly StoreUpdate[] {
  return [...new Map(updates.map((step) => [step.key, step])).values()];
}

type Options = Omit<CalcGraphOptions, 'hostname'>;

const options: fc.Arbitrary<Options> = fc.record({
  routeSource: fc.constantFrom('CalicoIPAM', 'CalicoIPAM', 'WorkloadIPs'),
  tellsOwners: fc.boolean(),
  hasAmbientMesh: fc.boolean(),
});

/** Runs the updates, in sync from the `syncAt`th on, and returns what the dataplane holds at the end. */
function run(
  steps: readonly { readonly update: StoreUpdate; readonly flushAfter: boolean }[],
  syncAt: number,
  settings: Options,
): string {
  const graph = new CalcGraph({ hostname: parseNodeName('node1'), ...settings });
  const mirror = new IntentMirror();
  for (const [index, { update: step, flushAfter }] of steps.entries()) {
    if (index === syncAt) graph.onInSync();
    if (step.key.startsWith(slicePrefix)) graph.updateEndpointSlice(step);
    else graph.update(step);
    if (flushAfter) mirror.apply(graph.flush());
  }
  graph.onInSync();
  mirror.apply(graph.flush());
  expect(graph.flush().intents).toEqual([]);
  return mirror.describe();
}

test('ends in the same state however the updates come', () => {
  fc.assert(
    fc.property(
      history,
      fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
      fc.nat(60),
      options,
      (steps, random, syncAt, settings) => {
        const newest = newestOfEachKey(steps.map((step) => step.update));
        const shuffled = newest
          .map((step) => ({ step, rank: random.next().value as number }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ step }) => ({ update: step, flushAfter: false }));
        const expected = run(shuffled, 0, settings);
        // Deletions of what was never there say nothing; live keys in order, each flushed by itself.
        const liveOnly = newest
          .filter(({ value }) => value !== undefined)
          .map((step) => ({ update: step, flushAfter: true }));
        expect(run(liveOnly, 0, settings)).toBe(expected);
        expect(run(liveOnly.toReversed(), syncAt, settings)).toBe(expected);
        // The whole history, with its detours, flushed as it says and after every step.
        expect(run(steps, syncAt, settings)).toBe(expected);
        expect(
          run(
            steps.map((step) => ({ ...step, flushAfter: true })),
            0,
            settings,
          ),
        ).toBe(expected);
      },
    ),
    { numRuns: 200 },
  );
});

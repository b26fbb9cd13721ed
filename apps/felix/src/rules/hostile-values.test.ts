/** Whatever the store holds, the graph takes or refuses it, and what it takes becomes rules. */
import fc from 'fast-check';
import { parseNodeName } from '@calico-node/net';
import { expect, test } from 'vitest';
import { CalcGraph, type StoreUpdate } from '../calc/calc-graph.ts';
import { IntentMirror } from '../calc/testing/intent-mirror.ts';
import { randomUpdate } from '../calc/testing/random-updates.ts';
import { render } from './testing/program.ts';
import { hostInterfaces } from './testing/random-world.ts';
import { feed } from './testing/world-updates.ts';

const odd = fc.oneof(
  fc.constantFrom<unknown>(null, 0, -1, 1.5, 256, 300, 65536, 1e21, true, '', [], {}, [null], [{}]),
  fc.constantFrom(
    '0',
    '-1',
    '1:2:3',
    '2000:1000',
    '0:0',
    '1:99999',
    '10.0.0.1/33',
    '10.0.0.5/8',
    '::ffff:10.0.0.0/120',
  ),
  fc.constantFrom('0.0.0.0/0', '::/0', 'allow', 'icmp', 'a ==', 'a) || (b', 'global()', '*', 'x\ny', '\u0000', 'é'),
  fc.jsonValue({ maxDepth: 2 }),
);
const changes = fc.array(fc.record({ place: fc.nat(), value: fc.option(odd, { nil: undefined }) }), { maxLength: 3 });

/** Puts odd values in some places of a stored text, or takes away what is there. */
function changed(
  update: StoreUpdate,
  list: readonly { readonly place: number; readonly value: unknown }[],
): StoreUpdate {
  if (update.value?.startsWith('{') !== true) return update;
  const root = JSON.parse(update.value) as object;
  for (const { place, value } of list) {
    const places = placesOf(root);
    const [holder, name] = places[place % places.length] ?? [root, 'spec'];
    if (value === undefined) Reflect.deleteProperty(holder, name);
    // A copy: put into itself, a value would have no text.
    else Reflect.set(holder, name, structuredClone(value));
  }
  return { ...update, value: JSON.stringify(root) };
}

function placesOf(value: unknown): readonly (readonly [object, string])[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [[value, name] as const, ...placesOf(inner)]);
}

test('a damaged store breaks nothing', () => {
  let refused = 0;
  let taken = 0;
  fc.assert(
    fc.property(fc.array(fc.tuple(randomUpdate, changes), { minLength: 20, maxLength: 40, size: 'max' }), (history) => {
      const graph = new CalcGraph({ hostname: parseNodeName('node1') });
      const mirror = new IntentMirror();
      graph.onInSync();
      for (const [update, list] of history) {
        feed(graph, changed(update, list));
        const batch = graph.flush();
        mirror.apply(batch);
        if (batch.warnings.some(({ code }) => code === 'invalid-value')) refused++;
        else taken++;
      }
      for (const verdictMaps of [false, true]) render(mirror, 4, { verdictMaps }, hostInterfaces);
    }),
    { numRuns: 100 },
  );
  expect(Math.min(refused, taken)).toBeGreaterThan(100);
});

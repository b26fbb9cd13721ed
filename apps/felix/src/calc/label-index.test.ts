import { parseSelector } from '@calico-node/selector';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LabelIndex } from './label-index.ts';

const selectorTexts = [
  'all()',
  'has(a)',
  '!has(a)',
  'a == "1"',
  'a != "1"',
  'a in {"1", "2"}',
  'a in {}',
  'a == "1" && b == "2"',
  'a == "1" || b == "2"',
  '(has(a) || has(b)) && c == "1"',
  'a starts with "1"',
];

const known = new Map<string, unknown>();
/** Equal things as the same object, as `LabelInterner` gives them: items with those are of one class. */
function shared<T>(value: T, content: unknown): T {
  const key = `${value instanceof Map ? 'map' : 'list'} ${JSON.stringify(content)}`;
  if (!known.has(key)) known.set(key, value);
  return known.get(key) as T;
}

const labels = fc
  .uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2', '11')), {
    selector: ([name]) => name,
    maxLength: 3,
  })
  .map((entries) => shared(new Map(entries), entries));
const itemId = fc.constantFrom('i1', 'i2', 'i3', 'i4');
const selectorId = fc.constantFrom('s1', 's2', 's3');
const parent = fc.constantFrom('p1', 'p2');

const command = fc.oneof(
  fc.record({
    op: fc.constant('item' as const),
    id: itemId,
    labels,
    parents: fc.uniqueArray(parent, { maxLength: 2 }).map((names) => shared(names, names)),
  }),
  fc.record({ op: fc.constant('delete-item' as const), id: itemId }),
  fc.record({ op: fc.constant('selector' as const), id: selectorId, text: fc.constantFrom(...selectorTexts) }),
  fc.record({ op: fc.constant('delete-selector' as const), id: selectorId }),
  fc.record({ op: fc.constant('parent' as const), id: parent, labels }),
);

test('matches exactly what evaluating every selector on every item would, after any history', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
      const told = new Set<string>();
      const index = new LabelIndex<string, string>({
        matchStarted: (selector, item) => {
          expect(told.has(`${selector} ${item}`)).toBe(false);
          told.add(`${selector} ${item}`);
        },
        matchStopped: (selector, item) => {
          expect(told.delete(`${selector} ${item}`)).toBe(true);
        },
      });
      const items = new Map<string, { labels: Map<string, string>; parents: readonly string[] }>();
      const selectors = new Map<string, string>();
      const parents = new Map<string, Map<string, string>>();
      for (const step of commands) {
        switch (step.op) {
          case 'item':
            items.set(step.id, step);
            index.setItem(step.id, step.labels, step.parents);
            break;
          case 'delete-item':
            items.delete(step.id);
            index.deleteItem(step.id);
            break;
          case 'selector':
            selectors.set(step.id, step.text);
            index.setSelector(step.id, parseSelector(step.text));
            break;
          case 'delete-selector':
            selectors.delete(step.id);
            index.deleteSelector(step.id);
            break;
          case 'parent':
            parents.set(step.id, step.labels);
            index.setProfile(step.id, step.labels);
            break;
        }
        const expected = [...selectors].flatMap(([selector, text]) =>
          [...items]
            .filter(([, item]) => {
              const inherited = item.parents.map((name) => [...(parents.get(name) ?? [])]).reverse();
              return parseSelector(text).evaluate(new Map([...inherited.flat(), ...item.labels]));
            })
            .map(([item]) => `${selector} ${item}`),
        );
        expect([...told].sort()).toEqual(expected.sort());
        for (const id of selectors.keys()) {
          expect([...index.itemsOf(id)].map((item) => `${id} ${item}`).sort()).toEqual(
            expected.filter((pair) => pair.startsWith(`${id} `)),
          );
        }
      }
    }),
  );
});

test('looks only at selectors whose required label the item has', () => {
  const index = new LabelIndex<string, string>({ matchStarted: () => undefined, matchStopped: () => undefined });
  let evaluations = 0;
  const counted = (text: string) => {
    const selector = parseSelector(text);
    const evaluate = selector.evaluate.bind(selector);
    return Object.assign(selector, {
      evaluate: (candidate: Parameters<typeof evaluate>[0]) => {
        evaluations++;
        return evaluate(candidate);
      },
    });
  };
  for (let i = 0; i < 1000; i++) index.setSelector(`s${i}`, counted(`role == "${i}" && has(tier)`));
  index.setItem('item', new Map([['role', '7']]), []);
  expect(evaluations).toBeLessThanOrEqual(1);
});

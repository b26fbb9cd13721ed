import { expect, test } from 'vitest';
import { rule } from '../../rules/build.ts';
import { accept, clearMarks, drop, jump, matchInterface, returnToCaller } from '../../rules/matches.ts';
import type { Rule } from '../../rules/model.ts';
import { ChainGraph } from './chain-graph.ts';

const out = [matchInterface('out', 'eth0')];
const dispatch = rule([], { kind: 'dispatch', map: 'cali-hosts' });

/** mangle's prerouting hook, which leads to a chain that asks host endpoints. */
function prerouting(hosts: readonly Rule[]) {
  const maps = new Set<string>();
  const graph = new ChainGraph((map) => maps.has(map));
  graph.set('mangle-PREROUTING', 'mangle', 'prerouting', [rule([], jump('cali-PREROUTING'))]);
  graph.set('mangle-cali-PREROUTING', 'mangle', undefined, [
    rule(out, accept),
    rule([], jump('cali-hosts')),
    rule(out, accept),
  ]);
  graph.set('mangle-cali-hosts', 'mangle', undefined, hosts);
  graph.settle();
  return { graph, maps };
}

test('a hook is not needed while nothing that it leads to makes a difference', () => {
  const { graph, maps } = prerouting([dispatch]);
  expect(graph.isNeeded('mangle-PREROUTING')).toBe(false);
  maps.add('mangle-cali-hosts');
  expect([...graph.settle()].sort()).toEqual(['mangle-PREROUTING', 'mangle-cali-PREROUTING', 'mangle-cali-hosts']);
  expect(graph.isNeeded('mangle-PREROUTING')).toBe(true);
  expect(graph.effectiveRules('mangle-cali-PREROUTING')).toEqual([rule(out, accept), rule([], jump('cali-hosts'))]);
  maps.clear();
  graph.settle();
  expect(graph.isNeeded('mangle-PREROUTING')).toBe(false);
});

test('a chain with rules of its own beside the map has an effect without entries', () => {
  const { graph } = prerouting([dispatch, rule(out, drop)]);
  expect(graph.isNeeded('mangle-PREROUTING')).toBe(true);
  expect(graph.effectiveRules('mangle-cali-hosts')).toEqual([rule(out, drop)]);
});

test('accepts at the end of a chain count where more than a hook leads to it', () => {
  const { graph } = prerouting([dispatch]);
  graph.set('mangle-other', 'mangle', undefined, [rule([], jump('cali-PREROUTING')), rule([], drop)]);
  graph.settle();
  expect(graph.effectiveRules('mangle-cali-PREROUTING')).toEqual([rule(out, accept), rule(out, accept)]);
  expect(graph.isNeeded('mangle-PREROUTING')).toBe(true);
  graph.delete('mangle-other');
  graph.settle();
  expect(graph.isNeeded('mangle-PREROUTING')).toBe(false);
});

test('accepts count where the hook has more rules behind', () => {
  const { graph } = prerouting([dispatch]);
  graph.set('mangle-PREROUTING', 'mangle', 'prerouting', [rule([], jump('cali-PREROUTING')), rule([], drop)]);
  graph.settle();
  expect(graph.effectiveRules('mangle-cali-PREROUTING')).toHaveLength(2);
});

test.each([
  ['mangle', 'postrouting', 0],
  ['mangle', 'prerouting', 1],
  ['filter', 'forward', 1],
] as const)('what %s does to marks at the end of %s counts as %i rule', (layer, hook, count) => {
  const graph = new ChainGraph(() => false);
  graph.set(`${layer}-${hook.toUpperCase()}`, layer, hook, [rule(out, clearMarks(1)), rule(out, returnToCaller)]);
  graph.settle();
  expect(graph.effectiveRules(`${layer}-${hook.toUpperCase()}`)).toHaveLength(count);
});

test('rules of policies stay as they are, and lead to their chain even when there are none', () => {
  const graph = new ChainGraph(() => false);
  const caller = [rule([], jump('cali-pi-a')), rule(out, drop)];
  graph.set('filter-cali-tw-cali1', 'filter', undefined, caller);
  graph.set('filter-cali-pi-a', 'filter', undefined, []);
  graph.settle();
  expect(graph.effectiveRules('filter-cali-tw-cali1')).toEqual(caller);
  expect(graph.isNeeded('filter-cali-pi-a')).toBe(true);
});

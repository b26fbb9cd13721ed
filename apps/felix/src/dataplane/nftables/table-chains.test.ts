import { expect, test } from 'vitest';
import { chain, rule } from '../../rules/build.ts';
import { accept, jump } from '../../rules/matches.ts';
import type { ChainContext } from './render-chain.ts';
import { TableChains } from './table-chains.ts';
import { TablePorts } from './table-ports.ts';

const context: ChainContext = { family: 4, setParts: () => [], dispatchKey: () => 'in-interface' };

const policy = chain('filter', 'cali-pi-a', [rule([], accept)]);
const endpoint = (...policies: readonly string[]) =>
  chain('filter', 'cali-tw-cali1', [...policies.map((name) => rule([], jump(name))), rule([], accept)]);

/** Has the kernel make every change, and gives the names of the chains that it has then. */
function applied(chains: TableChains): readonly string[] {
  const changes = chains.changes(context);
  const deletions = chains.deletions();
  chains.commit(changes, deletions);
  for (const name of deletions) inKernel(chains).delete(name);
  for (const { plan } of changes) inKernel(chains).add(plan.name);
  return [...inKernel(chains)].sort();
}

const kernels = new WeakMap<TableChains, Set<string>>();
function inKernel(chains: TableChains): Set<string> {
  const known = kernels.get(chains) ?? new Set();
  kernels.set(chains, known);
  return known;
}

test('has a policy chain as long as a rule leads to it', () => {
  const chains = new TableChains(() => true, new TablePorts(4));
  chains.setChain(policy);
  expect(applied(chains)).toEqual([]);
  chains.setChain(endpoint('cali-pi-a'));
  expect(applied(chains)).toEqual(['filter-cali-pi-a', 'filter-cali-tw-cali1']);
  chains.setChain(endpoint());
  expect(applied(chains)).toEqual(['filter-cali-tw-cali1']);
  chains.setChain(endpoint('cali-pi-a'));
  chains.delete('filter', 'cali-tw-cali1');
  expect(applied(chains)).toEqual([]);
  expect(chains.changes(context)).toEqual([]);
});

test('leaves a policy chain alone when one of several that lead to it goes, or is made anew', () => {
  const chains = new TableChains(() => true, new TablePorts(4));
  const other = chain('filter', 'cali-tw-cali2', [rule([], jump('cali-pi-a')), rule([], accept)]);
  for (const each of [policy, endpoint('cali-pi-a'), other]) chains.setChain(each);
  applied(chains);
  chains.delete('filter', 'cali-tw-cali2');
  chains.setChain(endpoint('cali-pi-a', 'cali-pi-a'));
  expect(chains.changes(context).map(({ plan }) => plan.name)).toEqual(['filter-cali-tw-cali1']);
  expect(chains.deletions()).toEqual(['filter-cali-tw-cali2']);
});

test('takes away what a dump found of policies that no rule leads to', () => {
  const chains = new TableChains(() => true, new TablePorts(4));
  chains.setChain(policy);
  chains.takeActual([{ name: 'filter-cali-pi-a', handle: 1n }], []);
  expect(chains.deletions()).toEqual(['filter-cali-pi-a']);
});

test('renders anew what a dump found otherwise than it was left, and nothing else', () => {
  const chains = new TableChains(() => true, new TablePorts(4));
  for (const each of [policy, endpoint('cali-pi-a')]) chains.setChain(each);
  const plans = chains.changes(context).map(({ plan }) => plan);
  chains.commit(chains.changes(context), []);
  const dumped = plans.map(({ name }) => ({ name, handle: 1n }));
  const rules = plans.flatMap(({ name, rules: own }) =>
    own.map(({ comment }) => ({ chain: name, handle: 1n, ...(comment === undefined ? {} : { comment }) })),
  );
  chains.takeActual(dumped, rules);
  expect(chains.changes(context)).toEqual([]);
  const [policyChain = '', endpointChain = ''] = plans.map(({ name }) => name);
  chains.takeActual(
    dumped,
    rules.filter(({ chain: name }) => name !== policyChain),
  );
  expect(chains.changes(context).map(({ plan }) => plan.name)).toEqual([policyChain]);
  chains.takeActual(
    dumped.filter(({ name }) => name !== endpointChain),
    rules,
  );
  expect(chains.changes(context).map(({ plan }) => plan.name)).toEqual([endpointChain]);
  chains.takeActual(dumped, rules);
  expect(chains.changes(context)).toEqual([]);
});

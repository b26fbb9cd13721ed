import type { Family } from '@calico-node/net';
import { Transaction } from '@calico-node/netlink/nftables';
import { tableOf } from './kernel-names.ts';
import type { ChainContext, ChainPlan } from './render-chain.ts';
import type { ChainChange, TableChains } from './table-chains.ts';
import type { DispatchChange, TableDispatch } from './table-dispatch.ts';
import type { PortsChange, TablePorts } from './table-ports.ts';

/** A change of chains, rules, their ports and dispatch maps as one transaction. */
export interface RulesPlan {
  readonly transaction: Transaction;
  readonly changes: readonly ChainChange[];
  readonly deletions: readonly string[];
  readonly maps: readonly DispatchChange[];
  readonly ports: PortsChange;
  /** The chain that a request of the transaction puts a rule in. */
  readonly ownerOf: (requestIndex: number) => string | undefined;
}

/** What there is to do, in the one order that the kernel takes: whatever is referred to must exist at each message. */
export function planRules(
  table: {
    readonly family: Family;
    readonly chains: TableChains;
    readonly dispatch: TableDispatch;
    readonly ports: TablePorts;
  },
  context: ChainContext,
  mayDelete: boolean,
): RulesPlan {
  const changes = table.chains.changes(context);
  const deletions = mayDelete ? table.chains.deletions() : [];
  const maps = table.dispatch.changes(mayDelete);
  const ports = table.ports.change(mayDelete);
  const transaction = new Transaction(tableOf(table.family));
  const owners = new Map<number, string>();

  for (const { set, isNew } of maps) if (isNew) transaction.addSet(set.spec);
  table.ports.create(transaction, ports);
  for (const name of deletions) transaction.flushChain(name);
  for (const { set, delta } of maps) transaction.deleteElements(set.name, set.encodeKeys(delta.removals));
  for (const { plan, standing, hasRules } of changes) {
    if (hasRules) transaction.flushChain(plan.name);
    if (standing === 'other') transaction.deleteChain(plan.name);
    if (standing !== 'same' && plan.base === undefined) transaction.addChain(plan.name);
  }
  for (const name of deletions) transaction.deleteChain(name);
  // Base chains come last: what they lead to is there when they appear.
  const inOrder = [...changes].sort((a, b) => Number(a.plan.base !== undefined) - Number(b.plan.base !== undefined));
  for (const { plan, standing } of inOrder) {
    if (standing !== 'same' && plan.base !== undefined) transaction.addChain(plan.name, plan.base);
    addRules(transaction, plan, owners);
  }
  for (const { set, delta } of maps) transaction.addElements(set.name, set.encode(delta.additions));
  table.ports.fill(transaction, ports);
  return { transaction, changes, deletions, maps, ports, ownerOf: (index) => owners.get(index) };
}

function addRules(transaction: Transaction, plan: ChainPlan, owners: Map<number, string>): void {
  for (const rule of plan.rules) {
    const start = transaction.requests.length;
    transaction.addRule(plan.name, rule);
    // Its anonymous sets come before the rule itself.
    for (let index = start; index < transaction.requests.length; index++) owners.set(index, plan.name);
  }
}

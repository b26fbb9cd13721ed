import type { Family } from '@calico-node/net';
import type { KernelSet, SetElement, Transaction } from '@calico-node/netlink/nftables';
import type { Delta } from '../delta-tracker.ts';
import { KernelSetState } from './kernel-set.ts';
import { rulePortsSet } from './rule-ports.ts';

/** What there is to do about the set of rules' ports. */
export interface PortsChange {
  readonly isNew: boolean;
  readonly delta: Delta<string, string>;
}

/** The set of rules' ports of one table (`rule-ports.ts`): what should be in it, and what is. */
export class TablePorts {
  readonly name = rulePortsSet;
  readonly #set: KernelSetState;
  readonly #ofChain = new Map<string, readonly string[]>();
  #exists = false;

  constructor(family: Family) {
    this.#set = new KernelSetState(rulePortsSet, 'rule-ports', family);
  }

  /** Puts a chain's ports in place of those that it had. No two chains have one in common. */
  replace(chain: string, ports: readonly string[]): void {
    for (const port of this.#ofChain.get(chain) ?? []) this.#set.members.delete(port);
    for (const port of ports) this.#set.members.set(port, '');
    if (ports.length === 0) this.#ofChain.delete(chain);
    else this.#ofChain.set(chain, ports);
  }

  /** Takes what a dump found; gives the set's name if it can't hold our elements. */
  takeActual(kernelSets: readonly KernelSet[], list: (name: string) => readonly SetElement[]): string[] {
    const kernel = kernelSets.find(({ name }) => name === rulePortsSet);
    this.#exists = kernel !== undefined;
    const fits = kernel === undefined || this.#set.fits(kernel);
    if (fits) this.#set.takeActual(kernel === undefined ? [] : list(rulePortsSet));
    return fits ? [] : [rulePortsSet];
  }

  /** Without `mayDelete` nothing is taken away. */
  change(mayDelete: boolean): PortsChange {
    const pending = this.#set.members.pending();
    const delta = mayDelete ? pending : { removals: [], additions: pending.additions };
    return { isNew: !this.#exists, delta };
  }

  /** To come before rules that look into the set. */
  create(transaction: Transaction, { isNew }: PortsChange): void {
    if (isNew) transaction.addSet(this.#set.spec);
  }

  fill(transaction: Transaction, { delta: { removals, additions } }: PortsChange): void {
    if (removals.length > 0) transaction.deleteElements(rulePortsSet, this.#set.encodeKeys(removals));
    if (additions.length > 0) transaction.addElements(rulePortsSet, this.#set.encode(additions));
  }

  /** The kernel has done it. */
  commit({ isNew, delta }: PortsChange): void {
    this.#exists ||= isNew;
    this.#set.members.commit(delta);
  }
}

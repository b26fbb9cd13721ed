/**
 * One nf_tables table: what should be in it beside what is, and the transactions that lead from one to the other.
 *
 *   1. sets and their members   so that rules find what they look into
 *   2. chains, rules, dispatch  in the same transaction: all of a change to policy, or nothing
 *   3. sets that nobody needs   once no rule looks into them
 *
 * A packet meets the old rules or the new. A step that fails leaves the later ones undone: a new endpoint is not
 * in the dispatch maps before its chains are there, and what is not in the maps is dropped.
 */
import type { Family } from '@calico-node/net';
import { NftablesError, Transaction, type NftablesSocket } from '@calico-node/netlink/nftables';
import type { NftablesCounts } from '../policy-driver.ts';
import { tableOf } from './kernel-names.ts';
import type { ChainContext } from './render-chain.ts';
import { planRules, type RulesPlan } from './rules-plan.ts';
import { TableChains } from './table-chains.ts';
import { TableDispatch } from './table-dispatch.ts';
import { TablePorts } from './table-ports.ts';
import { TableSets, type SetsPlan } from './table-sets.ts';

/** How often a transaction is tried again without the chains that the kernel refused. */
const MAX_REFUSALS = 8;
/** Commits of up to so many requests, such as one endpoint's, are made on the main thread. */
const SMALL_COMMIT = 64;
/** After so many failures in a row the table is made anew, in one transaction. */
const FAILURES_BEFORE_REBUILD = 3;

export class Table {
  readonly family: Family;
  readonly sets: TableSets;
  readonly chains: TableChains;
  readonly dispatch: TableDispatch;
  readonly ports: TablePorts;
  readonly #socket: NftablesSocket;
  readonly #context: ChainContext;
  /** Messages that asked for a change, since start. */
  #writes = 0;
  readonly #counts = { commits: 0, commitErrors: 0, setCommits: 0, setCommitErrors: 0, reads: 0, readErrors: 0 };
  #state: 'missing' | 'dormant' | 'live' = 'missing';
  /** Whether it is known what should be, so that what should not be is taken away. */
  #mayDelete = false;
  #needsResync = true;
  #needsRebuild = false;
  #failures = 0;
  #changed: string[] = [];

  constructor(family: Family, socket: NftablesSocket) {
    this.family = family;
    this.sets = new TableSets(family);
    this.dispatch = new TableDispatch(family);
    this.ports = new TablePorts(family);
    this.chains = new TableChains(
      (map) => this.dispatch.wantsEntries(map) || (!this.#mayDelete && this.dispatch.hasEntries(map)),
      this.ports,
    );
    this.#socket = socket;
    this.#context = {
      family,
      setParts: (id) => this.sets.partsOf(id),
      dispatchKey: (map) => this.dispatch.keyOf(map),
    };
  }

  get writes(): number {
    return this.#writes;
  }

  get counts(): NftablesCounts {
    return this.#counts;
  }

  /** Reads the kernel anew at the next step, and gives refused chains another try. */
  resync(): void {
    this.#needsResync = true;
  }

  /**
   * Unless the kernel calls chains of ours at every hook, puts those in that should be there, in one transaction,
   * and takes nothing away. Gives whether it had to.
   * @throws NftablesError when the kernel refuses; nothing was changed then.
   */
  installSkeleton(): boolean {
    if (this.#needsResync || this.sets.hasUnread) this.#read();
    if (this.#state === 'live' && this.chains.isHookedIn()) return false;
    this.#touchReshaped();
    const first = this.#tableTransaction();
    const members = this.sets.planMembers(first, false);
    const rules = planRules(this, this.#context, false);
    try {
      this.#socket.commit(first, rules.transaction);
    } catch (error) {
      this.#needsResync = true;
      throw error;
    }
    this.#writes += first.requests.length + rules.transaction.requests.length;
    this.#commitMembers(members);
    this.#commitRules(rules);
    return true;
  }

  /**
   * Makes the kernel's table as it should be; writes nothing when it is. Gives what was changed, a text each.
   * @throws NftablesError when the kernel refuses: it then has the old state or one between two steps, and the next
   *   call tries again.
   */
  async apply(): Promise<readonly string[]> {
    this.#changed = [];
    this.#mayDelete = true;
    try {
      if (this.#needsResync || this.sets.hasUnread) this.#read();
      this.#touchReshaped();
      if (this.#needsRebuild) await this.#rebuild();
      else await this.#update();
      await this.#deleteSets();
      this.#failures = 0;
      return this.#changed;
    } catch (error) {
      this.#failures++;
      this.#needsResync = true;
      this.#needsRebuild ||= this.#failures >= FAILURES_BEFORE_REBUILD;
      throw error;
    }
  }

  /** Rules that look into a set follow its members into other kernel sets. */
  #touchReshaped(): void {
    for (const id of this.sets.takeReshaped()) this.chains.touchUsersOf(id);
  }

  #read(): void {
    this.#counts.reads += 1;
    try {
      this.#takeActual();
    } catch (error) {
      this.#counts.readErrors += 1;
      throw error;
    }
  }

  #takeActual(): void {
    const id = tableOf(this.family);
    const table = this.#socket.getTable(id);
    this.#state = table === undefined ? 'missing' : table.isDormant ? 'dormant' : 'live';
    const sets = table === undefined ? [] : this.#socket.listSets(id).filter(({ isAnonymous }) => !isAnonymous);
    const list = (name: string) => this.#socket.listElements(id, name);
    const maps = this.dispatch.names;
    const ipSets = sets.filter(({ name }) => !maps.has(name) && name !== this.ports.name);
    const misfits = [
      ...this.sets.takeActual(ipSets, list),
      ...this.dispatch.takeActual(sets, list),
      ...this.ports.takeActual(sets, list),
    ];
    this.chains.takeActual(
      table === undefined ? [] : this.#socket.listChains(id),
      table === undefined ? [] : this.#socket.listRules(id),
    );
    this.chains.forgive();
    // A map of others' may lead to chains that are to go, and would hold them back.
    const hasForeignMap = ipSets.some(({ isMap }) => isMap);
    this.#needsRebuild ||= misfits.length > 0 || hasForeignMap;
    this.#needsResync = false;
  }

  /** A transaction that begins with the table's being there and awake. */
  #tableTransaction(): Transaction {
    const transaction = new Transaction(tableOf(this.family));
    return this.#state === 'live' ? transaction : transaction.addTable();
  }

  async #update(): Promise<void> {
    const first = this.#tableTransaction();
    const members = this.sets.planMembers(first, true);
    if (this.#failures === 0) {
      // One commit of the kernel instead of two, where both change.
      await this.#writeRules([first], changesSets(members));
      this.#commitMembers(members);
      return;
    }
    // Rules that the kernel refuses must not keep members out.
    await this.#commit([first], changesSets(members));
    this.#commitMembers(members);
    await this.#writeRules([]);
  }

  /** Everything in one transaction, so that the table is never seen half done. */
  async #rebuild(): Promise<void> {
    const first = new Transaction(tableOf(this.family));
    if (this.#state !== 'missing') first.deleteTable();
    first.addTable();
    this.sets.takeActual([], () => []);
    this.dispatch.takeActual([], () => []);
    this.ports.takeActual([], () => []);
    this.chains.takeActual([], []);
    const members = this.sets.planMembers(first, true);
    await this.#writeRules([first], changesSets(members));
    this.#commitMembers(members);
    this.#needsRebuild = false;
    this.#changed.push('table made anew');
  }

  async #writeRules(before: readonly Transaction[], withSets = false): Promise<void> {
    for (let refusals = 0; ; refusals++) {
      const rules = planRules(this, this.#context, true);
      try {
        await this.#commit([...before, rules.transaction], withSets);
        this.#commitRules(rules);
        return;
      } catch (error) {
        const offset = before.reduce((sum, { requests }) => sum + requests.length, 0);
        if (refusals === MAX_REFUSALS || !this.#blame(error, offset, rules)) throw error;
      }
    }
  }

  /** Finds the endpoint and policy chains that the kernel objects to and has them drop everything instead. */
  #blame(error: unknown, offset: number, { ownerOf }: RulesPlan): boolean {
    if (!(error instanceof NftablesError)) return false;
    const culprits = new Map<string, string>();
    for (const { index, error: reason } of error.refused) {
      const name = index === undefined ? undefined : ownerOf(index - offset);
      // Only chains that packets of single workloads pass: dropping in another would cut off the host.
      if (name === undefined || !/^filter-cali-(pi|po|pri|pro|tw|fw)-/.test(name)) return false;
      if (this.chains.refused.has(name)) return false;
      culprits.set(name, reason.message);
    }
    for (const [name, reason] of culprits) this.chains.refuse(name, reason);
    return culprits.size > 0;
  }

  async #deleteSets(): Promise<void> {
    const transaction = new Transaction(tableOf(this.family));
    const deleted = this.sets.planDeletions(transaction);
    await this.#commit([transaction], true);
    this.sets.commitDeletions(deleted);
    for (const name of deleted) this.#changed.push(`set ${name} deleted`);
  }

  /** @param withSets whether sets or their members are among what changes */
  async #commit(transactions: readonly Transaction[], withSets: boolean): Promise<void> {
    const size = transactions.reduce((sum, { requests }) => sum + requests.length, 0);
    if (size === 0) return;
    this.#counts.commits += 1;
    if (withSets) this.#counts.setCommits += 1;
    try {
      // Another thread costs more than a small commit does, and a new endpoint waits for it.
      if (size <= SMALL_COMMIT) this.#socket.commit(...transactions);
      else await this.#socket.commitAsync(...transactions);
    } catch (error) {
      this.#counts.commitErrors += 1;
      if (withSets) this.#counts.setCommitErrors += 1;
      throw error;
    }
    for (const { requests } of transactions) this.#writes += requests.length;
  }

  #commitMembers(plan: SetsPlan): void {
    if (this.#state !== 'live') this.#changed.push(`table was ${this.#state}`);
    this.#state = 'live';
    this.sets.commitMembers(plan);
    for (const name of plan.created) this.#changed.push(`set ${name} added`);
    for (const { set, delta } of plan.changes) {
      this.#changed.push(`set ${set.name} +${delta.additions.length} -${delta.removals.length}`);
    }
  }

  #commitRules({ changes, deletions, maps, ports }: RulesPlan): void {
    this.chains.commit(changes, deletions);
    this.dispatch.commit(maps);
    this.ports.commit(ports);
    for (const { plan, standing } of changes) {
      this.#changed.push(`chain ${plan.name} ${standing === 'nothing' ? 'added' : 'rewritten'}`);
    }
    for (const name of deletions) this.#changed.push(`chain ${name} deleted`);
    for (const { set, delta } of maps) {
      this.#changed.push(`map ${set.name} +${delta.additions.length} -${delta.removals.length}`);
    }
    const { additions, removals } = ports.delta;
    if (additions.length + removals.length > 0) {
      this.#changed.push(`set ${this.ports.name} +${additions.length} -${removals.length}`);
    }
  }
}

function changesSets({ created, changes }: SetsPlan): boolean {
  return created.length + changes.length > 0;
}

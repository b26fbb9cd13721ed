/**
 * One address family's four tables and IP sets.
 *
 *   1. sets and their members   so that rules find what they look into
 *   2. tables                   filter first: each is one transaction, and while it alone has the new rules more is dropped
 *   3. sets that nobody needs   once no rule looks into them
 *
 * A table that fails is as it was, and those behind it wait.
 */
import type { Family } from '@calico-node/net';
import type { IpsetSocket } from '@calico-node/netlink/ipset';
import { dispatchMap } from '../../rules/build.ts';
import type { Chain, DispatchEntry, DispatchMap, Hook, Layer } from '../../rules/model.ts';
import type { PolicyTarget } from '../policy-target.ts';
import { IpSets } from './ip-sets.ts';
import { IptablesError } from './iptables-error.ts';
import type { IptablesPrograms } from './iptables-programs.ts';
import { IptablesTable, type ChainInsertMode, type TablePlan } from './iptables-table.ts';
import type { SavedTable } from './save-output.ts';

/** In the order of their writing. */
const layers: readonly Layer[] = ['filter', 'nat', 'mangle', 'raw'];

/** How often restore is tried again without the chains that it refused. */
const MAX_REFUSALS = 16;

/** Only chains that packets of single endpoints pass: dropping in another would cut off the host. */
const REFUSABLE = /^cali-(?:pi|po|pri|pro|gi|go|tw|fw)-/;

export interface IptablesFamilyOptions {
  readonly family: Family;
  readonly insertMode: ChainInsertMode;
  readonly maxIpSetSize: number;
  readonly programs: IptablesPrograms;
  readonly ipsets: IpsetSocket;
}

/** Several tables' plans as one input of restore. */
interface FamilyPlan {
  readonly lines: readonly string[];
  readonly tables: readonly { readonly table: IptablesTable; readonly plan: TablePlan; readonly firstLine: number }[];
}

export class IptablesFamily implements PolicyTarget {
  readonly family: Family;
  readonly sets: IpSets;
  readonly chains: PolicyTarget['chains'];
  readonly dispatch: PolicyTarget['dispatch'];
  readonly #options: IptablesFamilyOptions;
  readonly #tables: ReadonlyMap<Layer, IptablesTable>;
  /** By layer and name. */
  readonly #maps = new Map<string, { readonly map: DispatchMap; readonly entries: Map<string, DispatchEntry> }>();
  #writes = 0;
  #setsInUse: ReadonlySet<string> = new Set();

  constructor(options: IptablesFamilyOptions) {
    const { family, insertMode, maxIpSetSize } = options;
    this.#options = options;
    this.family = family;
    this.sets = new IpSets(family, maxIpSetSize);
    const table = (layer: Layer): IptablesTable =>
      new IptablesTable(layer, family, insertMode, (name) => this.#mapOf(layer, name));
    const tables = new Map(layers.map((layer) => [layer, table(layer)]));
    this.#tables = tables;
    this.chains = {
      setChain: (chain: Chain) => tables.get(chain.layer)?.setChain(chain),
      setHook: (hook: Hook) => tables.get(hook.layer)?.setHook(hook),
      delete: (layer: Layer, name: string) => tables.get(layer)?.delete(name),
    };
    this.dispatch = {
      set: (map) => {
        this.#setDispatch(map);
      },
      deleteEntry: (map, { interfaceName }) => {
        const known = this.#maps.get(keyOf(map.layer, map.name));
        if (known?.entries.delete(interfaceName) === true) this.#touch(map.layer);
      },
    };
  }

  /** Changes that were asked of the kernel, since start. */
  get writes(): number {
    return this.#writes;
  }

  get tables(): readonly IptablesTable[] {
    return [...this.#tables.values()];
  }

  /** What iptables said of chains of the filter table that drop everything because it refused their rules. */
  get refused(): ReadonlyMap<string, string> {
    return this.#tables.get('filter')?.refused ?? new Map<string, string>();
  }

  /** What should be gone and stays because rules of others refer to it, a text each. Chains of that sort are empty. */
  get held(): readonly string[] {
    const chains = this.tables.flatMap(({ layer, held }) => [...held].map((name) => `${layer} ${name}`));
    return [...chains, ...[...this.#setsInUse].map((name) => `set ${name}`)];
  }

  /** Takes what the kernel has, and gives refused chains another try. Gives what is not as it was left, a text each. */
  takeActual(saved: ReadonlyMap<string, SavedTable>): string[] {
    for (const table of this.tables) table.forgive();
    return this.tables.flatMap((table) => table.takeActual(saved.get(table.layer)));
  }

  isHookedIn(): boolean {
    return this.tables.every((table) => table.isHookedIn());
  }

  /**
   * Puts in what should be there now, and takes nothing away.
   * @throws IptablesError, IpsetError
   */
  installSkeleton(): void {
    const { programs, ipsets } = this.#options;
    const sets = this.sets.plan();
    ipsets.change(sets.changes);
    this.sets.commit(sets);
    const plan = this.#plan(false);
    if (plan.lines.length > 0) programs.restoreSync(this.family, plan.lines);
    this.#commit(plan);
    this.#writes += sets.changes.length + plan.lines.length;
  }

  /**
   * Makes the kernel's state as it should be; writes nothing when it is. Gives what was changed, a text each.
   * @throws IptablesError, IpsetError: the kernel has the old state, or one between two steps.
   */
  async apply(): Promise<readonly string[]> {
    const { ipsets } = this.#options;
    const sets = this.sets.plan();
    this.#writes += sets.changes.length;
    await ipsets.changeAsync(sets.changes);
    const changed = this.sets.commit(sets);
    for (const { plan } of (await this.#writeTables()).tables) changed.push(...plan.changes);
    const unwanted = this.sets.deletions();
    this.#setsInUse = await ipsets.destroyUnused(unwanted);
    const deletions = unwanted.filter((name) => !this.#setsInUse.has(name));
    this.#writes += deletions.length;
    this.sets.commitDeletions(deletions);
    return [...changed, ...deletions.map((name) => `set ${name} destroyed`)];
  }

  async #writeTables(): Promise<FamilyPlan> {
    for (let refusals = 0; ;) {
      const plan = this.#plan(true);
      if (plan.lines.length === 0) return plan;
      this.#writes += plan.lines.length;
      try {
        await this.#options.programs.restore(this.family, plan.lines);
        this.#commit(plan);
        return plan;
      } catch (error) {
        const isHeld = holdBack(error, plan);
        if (!isHeld && (refusals++ === MAX_REFUSALS || !blame(error, plan))) throw error;
        // The tables before the one that was refused have been written.
        const failed = plan.tables.findLast(({ firstLine }) => firstLine <= lineOf(error));
        this.#commit({
          ...plan,
          tables: plan.tables.filter((candidate) => candidate.firstLine < (failed?.firstLine ?? 0)),
        });
      }
    }
  }

  #plan(mayDelete: boolean): FamilyPlan {
    const lines: string[] = [];
    const tables: FamilyPlan['tables'][number][] = [];
    for (const table of this.tables) {
      const plan = table.plan(mayDelete);
      if (plan.lines.length === 0) {
        table.commit(plan);
        continue;
      }
      tables.push({ table, plan, firstLine: lines.length });
      for (const line of plan.lines) lines.push(line);
    }
    return { lines, tables };
  }

  #commit({ tables }: FamilyPlan): void {
    for (const { table, plan } of tables) table.commit(plan);
  }

  #setDispatch(map: DispatchMap): void {
    const key = keyOf(map.layer, map.name);
    const known = this.#maps.get(key) ?? { map, entries: new Map<string, DispatchEntry>() };
    this.#maps.set(key, known);
    let isChanged = false;
    for (const entry of map.entries) {
      isChanged ||= known.entries.get(entry.interfaceName)?.chain !== entry.chain;
      known.entries.set(entry.interfaceName, entry);
    }
    if (isChanged) this.#touch(map.layer);
  }

  #touch(layer: Layer): void {
    this.#tables.get(layer)?.touchDispatchers();
  }

  #mapOf(layer: Layer, name: string): DispatchMap {
    const known = this.#maps.get(keyOf(layer, name));
    if (known === undefined) throw new Error(`a rule refers to dispatch map ${name}, which does not exist`);
    return dispatchMap(layer, name, known.map.key, [...known.entries.values()]);
  }
}

/** Names of maps are unique in their layer. */
function keyOf(layer: Layer, name: string): string {
  return `${layer} ${name}`;
}

function lineOf(error: unknown): number {
  return error instanceof IptablesError ? (error.line ?? -1) : -1;
}

/** Finds the chain that restore can't delete because somebody else's rule leads to it, and has it stay. */
function holdBack(error: unknown, { lines, tables }: FamilyPlan): boolean {
  const line = lineOf(error);
  const name = /^-X (.*)$/.exec(lines[line] ?? '')?.[1];
  const place = tables.findLast(({ firstLine }) => firstLine <= line);
  if (name === undefined || place === undefined) return false;
  place.table.hold(name);
  return true;
}

/** Finds the endpoints' and policies' chains that restore objects to and has them drop everything instead. */
function blame(error: unknown, { lines, tables }: FamilyPlan): boolean {
  if (!(error instanceof IptablesError)) return false;
  const { line = -1, missingChain } = error;
  const jumps = missingChain === undefined ? [] : [`--jump ${missingChain}`, `--goto ${missingChain}`];
  let isFound = false;
  for (const { table, plan, firstLine } of tables) {
    for (const [index, owner] of plan.owners) {
      const isBlamed = firstLine + index === line || jumps.some((jump) => lines[firstLine + index]?.endsWith(jump));
      if (!isBlamed || !REFUSABLE.test(owner) || table.refused.has(owner)) continue;
      table.refuse(owner, error.message);
      isFound = true;
    }
  }
  return isFound;
}

import { readFileSync } from 'node:fs';
import type { Family } from '@calico-node/net';
import { inNetns, type NetnsRef } from '@calico-node/netlink';
import { IpsetError, IpsetSocket } from '@calico-node/netlink/ipset';
import { isOwnName } from '../iptables/ip-sets.ts';
import { IptablesError } from '../iptables/iptables-error.ts';
import { IptablesPrograms, isInstalled } from '../iptables/iptables-programs.ts';
import { isOwnChain } from '../iptables/iptables-table.ts';
import type { SavedTable } from '../iptables/save-output.ts';
import type { IptablesVariant } from '../iptables/variant.ts';
import type { Leftovers } from './leftovers.ts';

export interface IptablesLeftoversOptions {
  readonly variant: IptablesVariant;
  readonly netns?: NetnsRef;
  /** Take the IP sets away as well: nobody else uses them. */
  readonly withSets: boolean;
}

const families: readonly Family[] = [4, 6];

/** Chains and rules of Felix, ours or Calico's own, in the tables of one of iptables' variants. */
export class IptablesLeftovers implements Leftovers {
  readonly name: string;
  readonly #options: IptablesLeftoversOptions;
  readonly #programs: IptablesPrograms;

  constructor(options: IptablesLeftoversOptions) {
    const { variant, netns } = options;
    this.name = `iptables-${variant}`;
    this.#options = options;
    this.#programs = new IptablesPrograms({ variant, ...(netns === undefined ? {} : { netns }) });
  }

  isInForce(): boolean {
    if (!this.#mayHaveTables(4)) return false;
    const forward = this.#programs.saveSync(4).get('filter')?.get('FORWARD');
    return forward?.rules.some(({ hash }) => hash !== '') ?? false;
  }

  async remove(): Promise<boolean> {
    let found = false;
    for (const family of families) {
      if (!this.#mayHaveTables(family)) continue;
      const lines = [...(await this.#programs.save(family))].flatMap(([name, table]) => removalOf(name, table));
      if (lines.length === 0) continue;
      found = true;
      await this.#restore(family, lines);
    }
    return this.#options.withSets ? (await this.#removeSets()) || found : found;
  }

  /** Chains that somebody else's rules lead to stay, empty. @throws IptablesError */
  async #restore(family: Family, lines: readonly string[]): Promise<void> {
    for (let left = lines; ;) {
      try {
        await this.#programs.restore(family, left);
        return;
      } catch (error) {
        const line = error instanceof IptablesError ? (error.line ?? -1) : -1;
        if (left[line]?.startsWith('-X ') !== true) throw error;
        // The tables before that one have been written.
        const start = left.findLastIndex((text, index) => index < line && text.startsWith('*'));
        left = left.toSpliced(line, 1).slice(start);
      }
    }
  }

  /** Without asking the programs, which would make the kernel load what is not there. */
  #mayHaveTables(family: Family): boolean {
    const { variant, netns } = this.#options;
    if (!isInstalled(`${family === 4 ? 'iptables' : 'ip6tables'}-${variant}-save`)) return false;
    if (variant === 'nft') return true;
    // Of this very thread, which is the one that changes its namespace.
    const path = `/proc/thread-self/net/${family === 4 ? 'ip_tables_names' : 'ip6_tables_names'}`;
    const read = (): string => {
      try {
        return readFileSync(path, 'utf8');
      } catch {
        return '';
      }
    };
    return (netns === undefined ? read() : inNetns(netns, read)).trim() !== '';
  }

  async #removeSets(): Promise<boolean> {
    const { netns } = this.#options;
    using socket = this.#openSets(netns);
    if (socket === undefined) return false;
    const names = socket.list().map(({ name }) => name);
    const ours = names.filter((name) => families.some((family) => isOwnName(name, family)));
    try {
      await socket.changeAsync(ours.map((name) => ({ kind: 'destroy', name })));
    } catch (error) {
      // Somebody else's rules look into one of them, which does no harm.
      if (!(error instanceof IpsetError)) throw error;
    }
    return ours.length > 0;
  }

  /** A kernel without ipset has no sets. */
  #openSets(netns: NetnsRef | undefined): IpsetSocket | undefined {
    const socket = IpsetSocket.open(netns === undefined ? {} : { netns });
    try {
      socket.list();
      return socket;
    } catch {
      socket.close();
      return undefined;
    }
  }
}

/** What takes our rules out of built-in chains, and then our chains away. */
function removalOf(name: string, table: SavedTable): string[] {
  const chains = [...table].filter(([chain, { isBuiltIn }]) => !isBuiltIn && isOwnChain(chain)).map(([chain]) => chain);
  const rules = [...table].flatMap(([chain, { isBuiltIn, rules: all }]) =>
    isBuiltIn ? all.filter(({ hash }) => hash !== '').map(({ text }) => `-D ${chain} ${text}`) : [],
  );
  if (chains.length + rules.length === 0) return [];
  const flushed = chains.map((chain) => `:${chain} - [0:0]`);
  return [`*${name}`, ...flushed, ...rules, ...chains.map((chain) => `-X ${chain}`), 'COMMIT'];
}

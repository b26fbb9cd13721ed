import { TAG_PREFIX } from './render-chain.ts';

/** A rule as `iptables-save` prints it. */
export interface SavedRule {
  /** Of a rule of ours; '' for a rule that is not. */
  readonly hash: string;
  /** What follows `-A <chain> `, for rules of built-in chains; those of other chains are not kept. */
  readonly text: string;
}

/** A chain as the kernel has it. */
export interface SavedChain {
  readonly isBuiltIn: boolean;
  readonly rules: readonly SavedRule[];
}

export type SavedTable = ReadonlyMap<string, SavedChain>;

/** A rule that leads to a chain of ours without our comment, from before rules had one. */
const OLD_JUMP = /(?:-j|-g|--jump|--goto) (?:cali|felix)-/;

/** How the nft variant tells of a table it leaves out, which it counts as no failure. */
const LEFT_OUT = /^# Table `([^']+)' is incompatible/gm;

/** Tables with rules that somebody wrote with nft itself and that iptables has no words for: nothing of them is printed. */
export function leftOutTables(text: string): readonly string[] {
  return [...text.matchAll(LEFT_OUT)].map(([, table = '']) => table);
}

/** Reads what `iptables-save` prints: tables by name, each with its chains by name. */
export function parseSaveOutput(text: string): ReadonlyMap<string, SavedTable> {
  const tables = new Map<string, Map<string, { isBuiltIn: boolean; rules: SavedRule[] }>>();
  let table = new Map<string, { isBuiltIn: boolean; rules: SavedRule[] }>();
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) {
      table = new Map();
      tables.set(line.slice(1).trim(), table);
    } else if (line.startsWith(':')) {
      const [name = '', policy = '-'] = line.slice(1).split(' ', 2);
      table.set(name, { isBuiltIn: policy !== '-', rules: [] });
    } else if (line.startsWith('-A ')) {
      const end = line.indexOf(' ', 3);
      const chain = table.get(end < 0 ? line.slice(3) : line.slice(3, end));
      const rule = end < 0 ? '' : line.slice(end + 1);
      chain?.rules.push({ hash: hashOf(rule, chain.isBuiltIn), text: chain.isBuiltIn ? rule : '' });
    }
  }
  return tables;
}

/** The hash in a rule's first comment. A rule of before hashes, in a built-in chain, is ours too, and never right. */
function hashOf(rule: string, isBuiltIn: boolean): string {
  const start = rule.indexOf(TAG_PREFIX);
  if (start >= 0) {
    const found = /^[\w-]+/.exec(rule.slice(start + TAG_PREFIX.length, start + TAG_PREFIX.length + 32));
    if (found !== null) return found[0];
  }
  return isBuiltIn && OLD_JUMP.test(rule) ? 'old' : '';
}

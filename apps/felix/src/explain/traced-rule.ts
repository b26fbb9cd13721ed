import type { KernelRule, TraceStep } from '@calico-node/netlink/nftables';

/** One thing that the kernel did to the probe: a rule that matched, or the end of a chain. */
export interface TracedRule {
  /** `ip calico`, or of iptables' tables `filter`. */
  readonly table: string;
  /** As the kernel has it. */
  readonly chain: string;
  /** The rule's place in its chain, from 1; absent for the end of a chain. */
  readonly position?: number;
  /** `accept`, `drop`, `return`, `jump cali-x`; '' where the kernel does not tell. */
  readonly verdict: string;
  /** What the rule says of itself, without what only a driver needs. */
  readonly comment: string;
}

/** The comment of what a hook does with packets that none of its rules decided. */
const HOOK_POLICY = "the hook's policy";

/** nf_tables' steps, with the rules of the tables that they are of: by table, as they are listed. */
export function fromNftables(
  steps: readonly TraceStep[],
  rulesOf: (step: Pick<TraceStep, 'family' | 'table'>) => readonly KernelRule[],
): readonly TracedRule[] {
  const chains = new Map<string, readonly KernelRule[]>();
  const chainOf = ({ family, table, chain }: TraceStep): readonly KernelRule[] => {
    const key = `${family} ${table} ${chain}`;
    const known = chains.get(key) ?? rulesOf({ family, table }).filter((rule) => rule.chain === chain);
    chains.set(key, known);
    return known;
  };
  return steps.map((step): TracedRule => {
    const { family, table, chain, kind, ruleHandle, verdict } = step;
    const text = verdict === undefined ? '' : 'chain' in verdict ? `${verdict.kind} ${verdict.chain}` : verdict.kind;
    const head = { table: `${family} ${table}`, chain };
    if (kind !== 'rule') return { ...head, verdict: text, comment: kind === 'policy' ? HOOK_POLICY : '' };
    const rules = chainOf(step);
    const index = rules.findIndex(({ handle }) => handle === ruleHandle);
    const comment = withoutTag(rules[index]?.comment ?? '');
    return { ...head, ...(index < 0 ? {} : { position: index + 1 }), verdict: text, comment };
  });
}

/** The lines that the legacy packet filter logs, with what `iptables-save` says of its rules. */
export function fromLegacy(prefixes: readonly string[], saved: string): readonly TracedRule[] {
  const { rules, policies } = readSave(saved);
  return prefixes.flatMap((prefix): TracedRule[] => {
    // xt_TRACE: `TRACE: table:chain:type:number`, of which chains may have colons.
    const [, table = '', chain = '', kind = '', number = ''] =
      /^TRACE: ([^:]+):(.+):(rule|return|policy):(\d+) ?$/.exec(prefix) ?? [];
    if (table === '') return [];
    const rule = rules.get(`${table} ${chain}`)?.[Number(number) - 1];
    // A rule without matches is logged as if the chain ended with it.
    if (rule === undefined && kind !== 'rule') {
      const isReturn = kind === 'return';
      const verdict = isReturn ? 'return' : (policies.get(`${table} ${chain}`) ?? '');
      return [{ table, chain, verdict, comment: isReturn ? '' : HOOK_POLICY }];
    }
    const text = rule ?? '';
    return [{ table, chain, position: Number(number), verdict: legacyVerdict(text), comment: commentsOf(text) }];
  });
}

interface SavedRules {
  /** By table and chain, in order. */
  readonly rules: ReadonlyMap<string, readonly string[]>;
  /** Of built-in chains. */
  readonly policies: ReadonlyMap<string, string>;
}

function readSave(saved: string): SavedRules {
  const rules = new Map<string, string[]>();
  const policies = new Map<string, string>();
  let table = '';
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim();
    const [, builtIn = '', policy = ''] = /^:(\S+) (ACCEPT|DROP)\b/.exec(line) ?? [];
    if (builtIn !== '') policies.set(`${table} ${builtIn}`, policy.toLowerCase());
    if (!line.startsWith('-A ')) continue;
    const [, chain = '', text = ''] = /^-A (\S+) ?(.*)$/.exec(line) ?? [];
    const key = `${table} ${chain}`;
    const known = rules.get(key);
    if (known === undefined) rules.set(key, [text]);
    else known.push(text);
  }
  return { rules, policies };
}

const verdictWords: Readonly<Record<string, string>> = {
  ACCEPT: 'accept',
  DROP: 'drop',
  REJECT: 'reject',
  RETURN: 'return',
};

function legacyVerdict(rule: string): string {
  const [, way = '', target = ''] = / (-j|-g) (\S+)/.exec(` ${rule}`) ?? [];
  if (target === '') return 'continue';
  const word = verdictWords[target];
  if (word !== undefined) return word;
  if (/^[A-Z]+$/.test(target)) return 'continue';
  return `${way === '-g' ? 'goto' : 'jump'} ${target}`;
}

function commentsOf(rule: string): string {
  return [...rule.matchAll(/--comment (?:"((?:[^"\\]|\\.)*)"|(\S+))/g)]
    .map(([, quoted, bare]) => withoutTag((quoted ?? bare ?? '').replaceAll('\\"', '"')))
    .filter((text) => text !== '')
    .join('; ');
}

/** A driver knows its rules by a comment that begins so. */
function withoutTag(comment: string): string {
  return comment.replace(/^cali:[\w.-]+(; )?/, '');
}

import type { DispatchMap, Rule } from '../../rules/model.ts';

/** Rules under the name of the chain that they go into. */
export interface ChainPart {
  readonly name: string;
  readonly rules: readonly Rule[];
}

/**
 * iptables has no verdict maps: a `dispatch` becomes one rule per interface, or, where several names go on with the
 * same character after what all have in common, one rule that goes to a chain of theirs, `<chain>-<character>`. That
 * chain ends with what follows the dispatch, since a chain that one went to does not come back.
 *
 * Gives the chain itself first.
 */
export function expandDispatch(
  name: string,
  rules: readonly Rule[],
  mapOf: (name: string) => DispatchMap,
): readonly ChainPart[] {
  const at = rules.findIndex(({ action }) => action.kind === 'dispatch');
  const dispatch = rules[at];
  if (dispatch?.action.kind !== 'dispatch') return [{ name, rules }];
  const map = mapOf(dispatch.action.map);
  // What follows may look into another map, whose chains have names of their own.
  const [continued, ...further] = expandDispatch(`${name}-`, rules.slice(at + 1), mapOf);
  const rest = continued?.rules ?? [];
  const leaf = (entry: DispatchMap['entries'][number]): Rule => ({
    matches: [...dispatch.matches, interfaceMatch(map, entry.interfaceName, false)],
    action: { kind: 'goto', chain: entry.chain },
  });
  const direct: Rule[] = [];
  const parts: ChainPart[] = [];
  for (const [prefix, group] of groupsOf(map)) {
    const [first] = group;
    if (first !== undefined && group.length === 1) {
      direct.push(leaf(first));
      continue;
    }
    const part = `${name}-${prefix.slice(-1)}`;
    direct.push({
      matches: [...dispatch.matches, interfaceMatch(map, prefix, true)],
      action: { kind: 'goto', chain: part },
    });
    parts.push({ name: part, rules: [...group.map(leaf), ...rest] });
  }
  return [{ name, rules: [...rules.slice(0, at), ...direct, ...rest] }, ...parts, ...further];
}

/** The entries by what their names have in common and the one character after it. */
function groupsOf({ entries }: DispatchMap): ReadonlyMap<string, DispatchMap['entries']> {
  const common = commonPrefixLength(entries.map(({ interfaceName }) => interfaceName));
  const groups = new Map<string, DispatchMap['entries'][number][]>();
  for (const entry of entries) {
    const prefix = entry.interfaceName.slice(0, common + 1);
    const group = groups.get(prefix);
    if (group === undefined) groups.set(prefix, [entry]);
    else group.push(entry);
  }
  return groups;
}

function commonPrefixLength(names: readonly string[]): number {
  const [first = ''] = names;
  let length = first.length;
  for (const name of names) {
    let common = 0;
    while (common < length && name[common] === first[common]) common++;
    length = common;
  }
  // A name that the others begin with is a group of its own.
  return length;
}

function interfaceMatch(map: DispatchMap, name: string, prefix: boolean): Rule['matches'][number] {
  return { kind: 'interface', direction: map.key === 'in-interface' ? 'in' : 'out', name, prefix, negated: false };
}

/** Whether the two of a pair are on one node or on different ones, where that makes a difference. */
export type Whereabouts = 'one node' | 'different nodes';

/** Somebody, and the node that it is on; none for who is outside. */
export interface Placed {
  readonly name: string;
  readonly node: string | undefined;
}

/** How many pairs there are, of each of the ones with each of the others but itself: all, or those that are so placed. */
export function pairsOf(from: readonly Placed[], to: readonly Placed[], where?: Whereabouts): number {
  const all = new Set(to);
  const selves = from.filter((each) => all.has(each));
  const total = from.length * to.length - selves.length;
  if (where === undefined) return total;
  const onNode = countByNode(to);
  let together = -selves.filter(({ node }) => node !== undefined).length;
  for (const [node, count] of countByNode(from)) together += count * (onNode.get(node) ?? 0);
  return where === 'one node' ? together : total - together;
}

function countByNode(placed: readonly Placed[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { node } of placed) if (node !== undefined) counts.set(node, (counts.get(node) ?? 0) + 1);
  return counts;
}

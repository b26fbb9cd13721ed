/** One difference between two JSON values. */
export type Change =
  | { readonly type: 'added'; readonly path: string; readonly after: unknown }
  | { readonly type: 'removed'; readonly path: string; readonly before: unknown }
  | { readonly type: 'changed'; readonly path: string; readonly before: unknown; readonly after: unknown };

/** Longer lists are compared place by place: aligning them costs the product of their lengths. */
const MAX_ALIGNED = 2000;

/**
 * What leads from one JSON value to another, field by field, in the order of the fields. Lists are aligned, so
 * that an item put in before others is one addition; its path has its place in the new list, that of a removed
 * one its place in the old. Nothing for equal values.
 */
export function changesBetween(before: unknown, after: unknown, path = ''): readonly Change[] {
  if (isEqual(before, after)) return [];
  if (isRecord(before) && isRecord(after)) return changesOfRecord(before, after, path);
  if (Array.isArray(before) && Array.isArray(after)) return changesOfList(before, after, path);
  return [changeAt(path, before, after)];
}

function changesOfRecord(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  path: string,
): readonly Change[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => changesOfMember(before[key], after[key], memberPath(path, key)));
}

/** A whole object that comes or goes is its fields, so that each can be read on a line. */
function changesOfMember(before: unknown, after: unknown, path: string): readonly Change[] {
  if (before === undefined && isRecord(after) && Object.keys(after).length > 0) return changesOfRecord({}, after, path);
  if (after === undefined && isRecord(before) && Object.keys(before).length > 0)
    return changesOfRecord(before, {}, path);
  return changesBetween(before, after, path);
}

function changesOfList(before: readonly unknown[], after: readonly unknown[], path: string): readonly Change[] {
  const changes: Change[] = [];
  let [from, to] = [0, 0];
  const at = (index: number): string => `${path}[${index}]`;
  for (const [oldEnd, newEnd] of [...commonItems(before, after), [before.length, after.length] as const]) {
    // Between two items that both have, what stands in the same order is taken for changed.
    for (; from < oldEnd && to < newEnd; from++, to++) changes.push(...changesBetween(before[from], after[to], at(to)));
    for (; from < oldEnd; from++) changes.push({ type: 'removed', path: at(from), before: before[from] });
    for (; to < newEnd; to++) changes.push({ type: 'added', path: at(to), after: after[to] });
    from = oldEnd + 1;
    to = newEnd + 1;
  }
  return changes;
}

/** A longest sequence of items that both lists have in this order, as pairs of places. */
function commonItems(before: readonly unknown[], after: readonly unknown[]): readonly (readonly [number, number])[] {
  if (before.length > MAX_ALIGNED || after.length > MAX_ALIGNED) return commonPlaces(before, after);
  const [olds, news] = [before, after].map((items) => items.map(identity)) as [string[], string[]];
  const width = news.length + 1;
  const lengths = new Uint16Array((olds.length + 1) * width);
  const lengthAt = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = olds.length - 1; i >= 0; i--) {
    for (let j = news.length - 1; j >= 0; j--) {
      const isSame = olds[i] === news[j];
      lengths[i * width + j] = isSame ? lengthAt(i + 1, j + 1) + 1 : Math.max(lengthAt(i + 1, j), lengthAt(i, j + 1));
    }
  }
  const pairs: [number, number][] = [];
  for (let i = 0, j = 0; i < olds.length && j < news.length;) {
    if (olds[i] === news[j]) pairs.push([i++, j++]);
    else if (lengthAt(i + 1, j) >= lengthAt(i, j + 1)) i++;
    else j++;
  }
  return pairs;
}

function commonPlaces(before: readonly unknown[], after: readonly unknown[]): readonly (readonly [number, number])[] {
  return before.flatMap((item, index) =>
    index < after.length && isEqual(item, after[index]) ? [[index, index] as const] : [],
  );
}

/** Equal for equal values, whatever the order of their fields. */
function identity(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    isRecord(member) ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1))) : member,
  );
}

function changeAt(path: string, before: unknown, after: unknown): Change {
  if (before === undefined) return { type: 'added', path, after };
  return after === undefined ? { type: 'removed', path, before } : { type: 'changed', path, before, after };
}

function memberPath(path: string, key: string): string {
  if (!/^[A-Za-z_][\w-]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}

function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, at) => isEqual(item, b[at]));
  }
  if (!isRecord(a) || !isRecord(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isEqual(a[key], b[key]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type JsonObject = Readonly<Record<string, unknown>>;

/** A list's directive to remove the listed values: `$deleteFromPrimitiveList/<field>`. */
const DELETE_FROM_LIST = '$deleteFromPrimitiveList/';
/** A merged list's directive to put its items in the listed order: `$setElementOrder/<field>`. */
const SET_ORDER = '$setElementOrder/';

/**
 * The lists that are merged, by their places, with the field that tells their items apart (none: the item itself).
 * Kubernetes' ObjectMeta has them; those of Calico's own structs have no merge keys.
 */
const mergedLists: ReadonlyMap<string, { readonly key?: string }> = new Map([
  ['metadata.finalizers', {}],
  ['metadata.ownerReferences', { key: 'uid' }],
]);

/**
 * Applies a strategic merge patch to a resource. Lists are replaced, except those of the table above, which are merged;
 * what is left of the strategy over RFC 7386 are the directives `$patch: replace`, `$patch: delete`, `$retainKeys`,
 * `$deleteFromPrimitiveList` and `$setElementOrder`.
 */
export function strategicMerge(target: unknown, patch: unknown): unknown {
  return mergeAt('', target, patch);
}

function mergeAt(place: string, target: unknown, patch: unknown): unknown {
  if (Array.isArray(patch)) {
    const rule = mergedLists.get(place);
    return rule === undefined ? patch : mergeLists(place, Array.isArray(target) ? target : [], patch, rule.key);
  }
  if (!isObject(patch)) return patch;
  const { $patch: directive, $retainKeys: retained, ...changes } = patch;
  if (directive === 'delete') return undefined;
  if (directive === 'replace') return changes;
  const base = isObject(target) ? target : {};
  const kept = Array.isArray(retained)
    ? Object.entries(base).filter(([key]) => retained.includes(key))
    : Object.entries(base);
  const result = new Map<string, unknown>(kept);
  const isDirective = (name: string): boolean => name.startsWith(DELETE_FROM_LIST) || name.startsWith(SET_ORDER);
  for (const [name, change] of Object.entries(changes)) {
    if (isDirective(name)) continue;
    const merged = change === null ? undefined : mergeAt(innerPlace(place, name), result.get(name), change);
    if (merged === undefined) result.delete(name);
    else result.set(name, merged);
  }
  for (const [name, items] of Object.entries(changes)) {
    if (!isDirective(name) || !Array.isArray(items)) continue;
    const field = name.slice(name.indexOf('/') + 1);
    const list = result.get(field);
    if (!Array.isArray(list)) continue;
    if (name.startsWith(DELETE_FROM_LIST))
      result.set(
        field,
        list.filter((item) => !items.includes(item)),
      );
    else result.set(field, inOrder(list, items, mergedLists.get(innerPlace(place, field))?.key));
  }
  return Object.fromEntries(result);
}

function innerPlace(place: string, name: string): string {
  return place === '' ? name : `${place}.${name}`;
}

function mergeLists(
  place: string,
  target: readonly unknown[],
  patch: readonly unknown[],
  key: string | undefined,
): readonly unknown[] {
  const directiveOf = (item: unknown): unknown => (isObject(item) ? item['$patch'] : undefined);
  const replaces = patch.some((item) => directiveOf(item) === 'replace');
  const result = replaces ? [] : [...target];
  for (const item of patch) {
    if (directiveOf(item) === 'replace') continue;
    const index = result.findIndex((other) => identityOf(other, key) === identityOf(item, key));
    const merged = mergeAt(`${place}[]`, index < 0 ? undefined : result[index], item);
    if (merged === undefined) {
      if (index >= 0) result.splice(index, 1);
    } else if (index < 0) result.push(merged);
    else result[index] = merged;
  }
  return result;
}

/** The items that `order` names, in its order, in the places that they have together. */
function inOrder(list: readonly unknown[], order: readonly unknown[], key: string | undefined): readonly unknown[] {
  const rankOf = (item: unknown): number =>
    order.findIndex((other) => identityOf(other, key) === identityOf(item, key));
  const sorted = list.filter((item) => rankOf(item) >= 0).sort((a, b) => rankOf(a) - rankOf(b));
  return list.map((item) => (rankOf(item) < 0 ? item : sorted.shift()));
}

function identityOf(item: unknown, key: string | undefined): unknown {
  return key !== undefined && isObject(item) ? item[key] : item;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

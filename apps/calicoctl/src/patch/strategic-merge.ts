type JsonObject = Readonly<Record<string, unknown>>;

/** A list's directive to remove the listed values: `$deleteFromPrimitiveList/<field>`. */
const DELETE_FROM_LIST = '$deleteFromPrimitiveList/';

/**
 * Applies a strategic merge patch. Calico's lists have no merge keys, so that lists are replaced; what is left
 * of the strategy over RFC 7386 are the directives `$patch: replace`, `$patch: delete`, `$retainKeys` and
 * `$deleteFromPrimitiveList`.
 */
export function strategicMerge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const { $patch: directive, $retainKeys: retained, ...changes } = patch;
  if (directive === 'delete') return undefined;
  if (directive === 'replace') return changes;
  const base = isObject(target) ? target : {};
  const kept = Array.isArray(retained)
    ? Object.entries(base).filter(([key]) => retained.includes(key))
    : Object.entries(base);
  const result = new Map<string, unknown>(kept);
  for (const [key, change] of Object.entries(changes)) {
    if (key.startsWith(DELETE_FROM_LIST) && Array.isArray(change)) {
      const field = key.slice(DELETE_FROM_LIST.length);
      const list = result.get(field);
      if (Array.isArray(list))
        result.set(
          field,
          list.filter((item) => !change.includes(item)),
        );
      continue;
    }
    const merged = change === null ? undefined : strategicMerge(result.get(key), change);
    if (merged === undefined) result.delete(key);
    else result.set(key, merged);
  }
  return Object.fromEntries(result);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

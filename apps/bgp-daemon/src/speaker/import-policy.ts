import {
  applyOperations,
  decidingRule,
  elevatedPriority,
  markLongLived,
  type Filter,
  type PrefixView,
} from '@calico-node/bgp';
import type { AttributeSet, AttributeTable } from '../rib/attribute-table.ts';
import type { PrefixTable } from '../rib/prefix-table.ts';

/** What import filters make of received attributes for a prefix; nothing where they reject it. */
export function filterImport(
  filters: readonly Filter[],
  prefix: PrefixView,
  received: AttributeSet,
  table: AttributeTable,
): AttributeSet | undefined {
  const rule = decidingRule(filters, { prefix, fromPeer: true, route: received });
  if (rule?.action === 'reject') return undefined;
  const { operations = [] } = rule ?? {};
  if (operations.length === 0) return received;
  return table.derive(received.original ?? received, applyOperations(received.attributes, operations, 'import'));
}

/** {@link filterImport} for each prefix of a message; counts those that are rejected. */
export function importThrough(
  filters: readonly Filter[],
  prefixes: PrefixTable,
  received: AttributeSet,
  table: AttributeTable,
  counts: { rejected: number },
): (prefix: number) => AttributeSet | undefined {
  return (prefix) => {
    const taken = filterImport(filters, prefixes.view(prefix), received, table);
    if (taken === undefined) counts.rejected++;
    return taken;
  };
}

/** The set with the kernel metric that its LOCAL_PREF stands for; the same where that is no better than the usual one. */
export function elevate(received: AttributeSet, normal: number, table: AttributeTable): AttributeSet {
  if (!received.traits.isPreferred || normal === 0) return received;
  const priority = elevatedPriority(received.attributes, normal);
  return priority === undefined ? received : table.derive(received, { ...received.attributes, priority });
}

/**
 * The set as the last resort (RFC 9494 4.2), and what it was made of as well: filters may change meanwhile. Nothing
 * where the route must not be kept so.
 */
export function longLivedSet(set: AttributeSet, table: AttributeTable): AttributeSet | undefined {
  const attributes = markLongLived(set.attributes);
  if (attributes === undefined || set.original === undefined) return attributes && table.intern(attributes);
  const original = longLivedSet(set.original, table);
  return original && table.derive(original, attributes);
}

import { applyOperations, decidingRule, markLongLived, type Filter, type PrefixView } from '@calico-node/bgp';
import type { AttributeSet, AttributeTable } from '../rib/attribute-table.ts';

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
  return table.derive(received, applyOperations(received.attributes, operations, 'import'));
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

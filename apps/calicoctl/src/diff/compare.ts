import { resourceToJson, type Resource } from '@calico-node/model';
import { changesBetween, type Change } from './changes.ts';

/** What the store, not the user, sets: no difference in meaning. */
const SET_BY_STORE: ReadonlySet<string> = new Set([
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'generation',
  'selfLink',
  'managedFields',
]);

/** How a resource that is there or not, and one in its place, differ in meaning. */
export type Difference =
  | { readonly type: 'unchanged' }
  | { readonly type: 'created' | 'changed' | 'deleted'; readonly changes: readonly Change[] };

export function compareResources(before: Resource | undefined, after: Resource | undefined): Difference {
  const changes = changesBetween(meaningOf(before), meaningOf(after));
  if (before === undefined) return after === undefined ? { type: 'unchanged' } : { type: 'created', changes };
  if (after === undefined) return { type: 'deleted', changes };
  return changes.length === 0 ? { type: 'unchanged' } : { type: 'changed', changes };
}

/** The fields that say something; none for a resource that is not there. */
function meaningOf(resource: Resource | undefined): Readonly<Record<string, unknown>> {
  if (resource === undefined) return {};
  const { metadata, spec, status } = JSON.parse(resourceToJson(resource)) as Record<string, Record<string, unknown>>;
  const { name: _name, namespace: _namespace, ...others } = metadata ?? {};
  const kept = Object.entries(others).filter(([field]) => !SET_BY_STORE.has(field));
  const parts = { metadata: Object.fromEntries(kept), spec, status };
  return Object.fromEntries(Object.entries(parts).filter(([, part]) => Object.keys(part ?? {}).length > 0));
}

/** The changes, a line each: `  ~ spec.disabled: false -> true`. */
export function renderChanges(changes: readonly Change[]): string {
  return changes.map((change) => `  ${renderChange(change)}\n`).join('');
}

function renderChange(change: Change): string {
  switch (change.type) {
    case 'added':
      return `+ ${change.path}: ${shown(change.after)}`;
    case 'removed':
      return `- ${change.path}: ${shown(change.before)}`;
    case 'changed':
      return `~ ${change.path}: ${shown(change.before)} -> ${shown(change.after)}`;
  }
}

function shown(value: unknown): string {
  return JSON.stringify(value);
}

import { RESERVED_TIERS } from '@calico-node/model';
import type { CallOptions } from '../backend.ts';
import { DatastoreError } from '../errors.ts';
import { identityOf } from './metadata.ts';
import { TIERED_KINDS } from './policy-rules.ts';
import type { Resources } from './resources.ts';

/**
 * A tier goes only when nothing is in it: its policies would be in no order any more.
 * @throws DatastoreError `unsupported` for a built-in tier and for one in use.
 */
export async function checkTierIsUnused(resources: Resources, name: string, options: CallOptions): Promise<void> {
  const identity = identityOf('Tier', name);
  if (Object.hasOwn(RESERVED_TIERS, name)) {
    throw new DatastoreError('unsupported', `${identity} is built in and cannot be deleted`, { identity });
  }
  for (const kind of TIERED_KINDS) {
    const { items } = await resources.list(kind, undefined, options);
    const user = items.find(({ spec }) => (spec.tier ?? 'default') === name);
    if (user === undefined) continue;
    const policy = identityOf(kind, user.metadata.name, user.metadata.namespace);
    throw new DatastoreError('unsupported', `${identity} still holds ${policy}`, {
      identity,
      hint: 'delete its policies first',
    });
  }
}

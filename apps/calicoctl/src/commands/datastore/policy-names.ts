import { isDatastoreError, type Backend, type KeyValue } from '@calico-node/datastore';
import { decodeResource, encodeResource, parseResourceKey, resourceKey, resourcePrefix } from '@calico-node/model';
import type { Io } from '../../io.ts';
import { withSession, type DatastoreOptions } from '../../session.ts';

const POLICY_KINDS = [
  'NetworkPolicy',
  'GlobalNetworkPolicy',
  'StagedNetworkPolicy',
  'StagedGlobalNetworkPolicy',
] as const;

/**
 * `calicoctl datastore migrate-policy-names`: releases before v3.32 stored the policies of the default tier under
 * `default.<name>`; those become `<name>`. Ends at the first error, and may be run again.
 */
export async function migratePolicyNames(options: DatastoreOptions, io: Io): Promise<void> {
  const count = await withSession(options, io, async ({ backend }) => {
    let migrated = 0;
    for (const kind of POLICY_KINDS) {
      for (const item of (await backend.list(resourcePrefix(kind))).items) {
        if (await migrate(backend, kind, item)) migrated += 1;
      }
    }
    return migrated;
  });
  io.out(`Policy name migration complete, migrated ${count} policies.\n`);
}

/** The copy first, so that the policy is there at every moment. */
async function migrate(backend: Backend, kind: (typeof POLICY_KINDS)[number], item: KeyValue): Promise<boolean> {
  const key = parseResourceKey(item.key);
  if (key === undefined) return false;
  const policy = decodeResource(kind, item.value, item.revision);
  const { name, namespace } = policy.metadata;
  const { tier = '' } = policy.spec;
  if (key.name === name || !(tier === '' || tier === 'default')) return false;
  try {
    await backend.create(resourceKey(kind, name, namespace), encodeResource(policy));
  } catch (error) {
    if (!isDatastoreError(error, 'already-exists')) throw error;
  }
  try {
    await backend.delete(item.key, item.revision);
  } catch (error) {
    if (!isDatastoreError(error, 'not-found')) throw error;
  }
  return true;
}

/** Namespaces and service accounts of Kubernetes, as Calico keeps them: in profiles. */
import type { Profile } from '@calico-node/model';
import type { ToDataplane } from '@calico-node/rpc/policy-sync';

type Payload = NonNullable<ToDataplane['payload']>;

const namespaceProfile = /^kns\.(?<name>.+)$/;
const accountProfile = /^ksa\.(?<namespace>[^.]+)\.(?<name>.+)$/;

/**
 * What a profile says of the namespace or service account that it is made of: its labels, or that it is gone where
 * `profile` is undefined. Undefined for all other profiles.
 */
export function identityPayload(profileName: string, profile: Profile | undefined): Payload | undefined {
  const labels = profile?.spec.labelsToApply;
  const account = accountProfile.exec(profileName)?.groups;
  if (account !== undefined) {
    const id = { namespace: account['namespace'] ?? '', name: account['name'] ?? '' };
    return profile === undefined
      ? { $case: 'serviceAccountRemove', value: { id } }
      : { $case: 'serviceAccountUpdate', value: { id, labels: withoutPrefix(labels, 'pcsa.') } };
  }
  const namespace = namespaceProfile.exec(profileName)?.groups;
  if (namespace === undefined) return undefined;
  const id = { name: namespace['name'] ?? '' };
  return profile === undefined
    ? { $case: 'namespaceRemove', value: { id } }
    : { $case: 'namespaceUpdate', value: { id, labels: withoutPrefix(labels, 'pcns.') } };
}

function withoutPrefix(labels: Readonly<Record<string, string>> = {}, prefix: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(labels).map(([key, value]) => [key.startsWith(prefix) ? key.slice(prefix.length) : key, value]),
  );
}

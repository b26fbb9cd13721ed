import { boolean, string } from '../schema/scalars.ts';
import { always, optional, pointer, struct } from '../schema/struct.ts';

/** Where a TCP MD5 password stands: a key of a Kubernetes secret. */
export const bgpPassword = struct('BGPPassword', {
  secretKeyRef: pointer(
    struct('SecretKeySelector', {
      name: optional(string, "The secret's name."),
      key: always(string, { mandatory: true, description: 'The key within the secret.' }),
      optional: pointer(boolean, 'Whether the secret may be missing.'),
    }),
    'The key of a Kubernetes secret that holds the password.',
  ),
});

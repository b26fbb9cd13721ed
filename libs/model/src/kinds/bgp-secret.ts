import { boolean, string } from '../schema/scalars.ts';
import { always, optional, pointer, struct } from '../schema/struct.ts';

/** Where a TCP MD5 password stands: a key of a Kubernetes secret. */
export const bgpPassword = struct('BGPPassword', {
  secretKeyRef: pointer(
    struct('SecretKeySelector', {
      name: optional(string),
      key: always(string, { mandatory: true }),
      optional: pointer(boolean),
    }),
  ),
});

import type { BGPPeer } from '@calico-node/model';
import type { Complain } from './resources.ts';

/** Looks up a key of a secret; none when the secret or the key is not within reach. */
export type SecretLookup = (secret: string, key: string) => string | undefined;

/** Linux's limit for TCP MD5 keys: `TCP_MD5SIG_MAXKEYLEN`. */
const MAX_OCTETS = 80;

/** The password that a BGPPeer or BGPConfiguration refers to; empty, with a complaint, where it can't be had. */
export function readPassword(
  password: BGPPeer['spec']['password'],
  lookup: SecretLookup | undefined,
  subject: string,
  complain: Complain,
): string {
  if (password === undefined) return '';
  const { name = '', key = '', optional = false } = password.secretKeyRef ?? {};
  const value = lookup?.(name, key);
  if (value === undefined || value === '') {
    if (!optional)
      complain(
        subject,
        `the password is in secret "${name}", key "${key}", which is out of reach: sessions go without`,
      );
    return '';
  }
  if (new TextEncoder().encode(value).length <= MAX_OCTETS) return value;
  complain(subject, `the password in secret "${name}" is longer than ${MAX_OCTETS} octets: sessions go without`);
  return '';
}

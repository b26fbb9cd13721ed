import { DEFAULT_ALLOW_PROFILE, type Kind } from '@calico-node/model';

/** Whether it is the profile that allows everything: never stored; reading gives it, writing is refused. */
export function isDefaultAllow(kind: Kind, name: string): boolean {
  return kind === 'Profile' && name === DEFAULT_ALLOW_PROFILE.metadata.name;
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SecretLookup } from './derive/password.ts';

/** Names and keys as Kubernetes has them; none of them leads out of the directory. */
const NAME = /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/;
const KEY = /^(?!\.{1,2}$)[-._a-zA-Z0-9]+$/;

/**
 * Secrets as files, `<directory>/<name>/<key>`, the way Kubernetes mounts them. They are read when asked
 * for; one line end at the end does not count.
 */
export function secretsIn(directory: string): SecretLookup {
  return (name, key) => {
    if (!NAME.test(name) || !KEY.test(key)) return undefined;
    try {
      return readFileSync(join(directory, name, key), 'utf8').replace(/\r?\n$/, '');
    } catch {
      return undefined;
    }
  };
}

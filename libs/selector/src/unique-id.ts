import { createHash } from 'node:crypto';

/**
 * Calico's short identifiers: `<prefix>:` and the base64url SHA-224 of `<prefix>:<content>`, 38 characters
 * (libcalico-go/lib/hash).
 */
export function uniqueId(prefix: string, content: string): string {
  return `${prefix}:${createHash('sha224').update(`${prefix}:${content}`).digest('base64url')}`;
}

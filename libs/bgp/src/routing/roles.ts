/** Route leaks, by the roles that two ASes have for each other: RFC 9234 5. */
import type { Role } from '../wire/capability.ts';
import type { PathAttributes } from '../wire/path-attributes.ts';

/** Our roles towards those whose routes go to our customers alone. */
const takesFromAbove: ReadonlySet<Role> = new Set<Role>(['customer', 'peer', 'route-server-client']);
/** Our roles towards those from whom our routes must not go up again. */
const givesDown: ReadonlySet<Role> = new Set<Role>(['provider', 'peer', 'route-server']);

/**
 * What a received route is worth under our role: `leak` when it must not be used, else its attributes,
 * marked where the rules ask for it.
 */
export function receiveInRole(attributes: PathAttributes, role: Role, remoteAs: number): PathAttributes | 'leak' {
  const { onlyToCustomer } = attributes;
  if (onlyToCustomer === undefined) {
    return takesFromAbove.has(role) ? { ...attributes, onlyToCustomer: remoteAs } : attributes;
  }
  if (role === 'provider' || role === 'route-server') return 'leak';
  return role === 'peer' && onlyToCustomer !== remoteAs ? 'leak' : attributes;
}

/** Whether a marked route must be kept from a peer towards which we have the role. */
export function isKeptInRole(role: Role): boolean {
  return takesFromAbove.has(role);
}

/** Whether an unmarked route is marked with our AS on its way to a peer towards which we have the role. */
export function isMarkedInRole(role: Role): boolean {
  return givesDown.has(role);
}

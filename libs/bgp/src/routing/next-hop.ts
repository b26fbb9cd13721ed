/**
 * Next hops that mean something on one link alone: RFC 2545 3, and RFC 8950 3 for those of IPv4 routes. Which of a
 * received next hop's addresses is used, and the link that goes with it.
 */
import type { Branded, IpAddress } from '@calico-node/net';
import type { PathAttributes } from '../wire/path-attributes.ts';

/** A link-local address with the interface that its link is behind, as RFC 4007 11 writes it: `fe80::1%eth0`. */
export type LinkAddress = Branded<string, 'LinkAddress'>;

/** Where routes lead. */
export type NextHop = IpAddress | LinkAddress;

/** The link that a session's peer is on. */
export interface PeerLink {
  readonly interfaceName: string;
  /** Whether a global address belongs to a network on that link. */
  isOnLink(address: IpAddress): boolean;
}

/** In fe80::/10. */
export function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/.test(address);
}

export function linkAddress(address: IpAddress, interfaceName: string): LinkAddress {
  return `${address}%${interfaceName}` as LinkAddress;
}

/** The address of a next hop, and the interface where it is one of a link's own. */
export function splitNextHop(nextHop: NextHop): {
  readonly address: IpAddress;
  readonly interfaceName: string | undefined;
} {
  const at = nextHop.indexOf('%');
  return at < 0
    ? { address: nextHop as IpAddress, interfaceName: undefined }
    : { address: nextHop.slice(0, at) as IpAddress, interfaceName: nextHop.slice(at + 1) };
}

/**
 * The attributes with the link that their next hop's link-local address is used on, if it is: where it is alone, where
 * the session itself runs between such addresses, and from a peer in another AS where the global address beside it is
 * on the same link. Peers in one AS are reached by their global addresses: who reflects routes may name link-local
 * addresses of other links, and a network that many nodes share need not carry them. Undefined: a link-local address
 * alone, from a peer that is on no link with this node.
 *
 * @param link asked for only if it matters; undefined for a peer further away
 */
export function locateNextHop(
  attributes: PathAttributes,
  { address: peer, external }: { readonly address: IpAddress; readonly external: boolean },
  link: () => PeerLink | undefined,
): PathAttributes | undefined {
  const { nextHop, linkLocalNextHop } = attributes;
  if (nextHop === undefined) return attributes;
  const isAlone = isLinkLocal(nextHop);
  if (!isAlone && linkLocalNextHop === undefined) return attributes;
  const known = link();
  if (known === undefined) return isAlone ? undefined : attributes;
  const isUsed = isAlone || isLinkLocal(peer) || (external && (nextHop === peer || known.isOnLink(nextHop)));
  return isUsed ? { ...attributes, linkInterface: known.interfaceName } : attributes;
}

/** Where packets of a route with these attributes go. */
export function usedNextHop({ nextHop, linkLocalNextHop, linkInterface }: PathAttributes): NextHop | undefined {
  if (linkInterface === undefined || nextHop === undefined) return nextHop;
  return linkAddress(linkLocalNextHop ?? nextHop, linkInterface);
}

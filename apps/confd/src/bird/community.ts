import { parseCommunity } from '@calico-node/bgp';

/** A community as BIRD knows it: the attribute that holds it, and its literal there. */
export interface BirdCommunity {
  readonly attribute: 'bgp_community' | 'bgp_large_community';
  readonly literal: string;
}

/** Reads Calico's `a:b` (RFC 1997) or `a:b:c` (RFC 8092); none for anything else. */
export function birdCommunity(text: string): BirdCommunity | undefined {
  const community = parseCommunity(text);
  if (community === undefined) return undefined;
  return {
    attribute: community.kind === 'standard' ? 'bgp_community' : 'bgp_large_community',
    literal: `(${text.split(':').map(Number).join(', ')})`,
  };
}

export function addCommunity({ attribute, literal }: BirdCommunity): string {
  return `${attribute}.add(${literal});`;
}

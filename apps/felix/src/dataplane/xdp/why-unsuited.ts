import type { XdpInterface } from '@calico-node/netlink';

/**
 * Why XDP must not decide for the packet filter at an interface: what comes in there comes in by another one for the
 * packet filter, or does not look as the program takes it to. `undefined`: it may.
 */
export function whyUnsuited(
  { index, isEthernet, masterIndex }: XdpInterface,
  all: readonly XdpInterface[],
): string | undefined {
  if (!isEthernet) return 'its packets have no Ethernet header';
  if (masterIndex !== undefined) return 'it is a port of another interface';
  // Cards and their drivers hide the tag.
  return all.some(({ vlanOfIndex }) => vlanOfIndex === index) ? 'it has VLANs' : undefined;
}

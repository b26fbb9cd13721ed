import { hostCidr } from '@calico-node/net';
import type { ThisNode } from './this-node.ts';

/** Where the early speaker listens, as Calico's does: it leaves 179 to the node's own. */
export const earlyPort = 8179;

/**
 * The early speaker's configuration, as its file has it: sessions with the ToRs, all routes of theirs taken into the
 * kernel, over several ToRs where they tell the same; nothing announced but the stable address.
 */
export function speakerConfig({ node, address }: ThisNode, nodeName: string): object {
  return {
    nodeName,
    routerId: address,
    localAs: node.asNumber,
    listenPort: earlyPort,
    kernel: { learn: true, program: true, announceWithin: [hostCidr(node.stableAddress)] },
    neighbors: node.peerings.map(({ peer, asNumber }, index) => ({
      name: `tor${index + 1}`,
      address: peer,
      remoteAs: asNumber,
      type: 'GLOBAL',
      nextHopMode: 'SELF',
      addPathReceive: true,
      addPathSend: true,
    })),
  };
}

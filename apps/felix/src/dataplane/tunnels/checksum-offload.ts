import type { NetnsRef } from '@calico-node/netlink';
import { EthtoolSocket, sentChecksums } from '@calico-node/netlink/ethtool';

/**
 * Has the kernel itself work out the checksums of what goes into tunnels, before it does, where those that are left to the
 * hardware come out wrong (`ChecksumOffloadBroken` of FeatureDetectOverride).
 */
export class ChecksumOffload implements Disposable {
  readonly #ethtool: EthtoolSocket;

  /** @throws NetlinkError ENOENT where the kernel cannot be asked (before Linux 5.6). */
  constructor(options: { readonly netns?: NetnsRef } = {}) {
    this.#ethtool = EthtoolSocket.open(options);
  }

  /** Gives how many changes that took. @throws NetlinkError when the kernel refuses. */
  switchOff(interfaceIndex: number): number {
    const active = this.#ethtool.activeFeatures(interfaceIndex);
    if (!sentChecksums.some((name) => active.has(name))) return 0;
    this.#ethtool.switchOff(interfaceIndex, sentChecksums);
    return 1;
  }

  [Symbol.dispose](): void {
    this.#ethtool[Symbol.dispose]();
  }
}

/** What devices leave to their hardware, and what ethtool(8) -K switches (include/uapi/linux/ethtool_netlink.h). */
import type { AttributeWriter } from '../attribute-writer.ts';
import { readAttributes } from '../attributes.ts';
import {
  GENERIC_HEADER_BYTES,
  genericWriter,
  openGenericFamily,
  type GenericFamily,
} from '../generic/generic-message.ts';
import type { NetlinkSocket } from '../netlink-socket.ts';
import type { NetnsRef } from '../netns.ts';

const FAMILY_VERSION = 1;
/** ETHTOOL_MSG_*. */
const command = { getFeatures: 11, setFeatures: 12 } as const;
/** ETHTOOL_A_FEATURES_*. */
const featuresAttribute = { header: 1, wanted: 3, active: 4 } as const;
/** ETHTOOL_A_HEADER_*. */
const headerAttribute = { deviceIndex: 1, flags: 3 } as const;
/** ETHTOOL_A_BITSET_BITS, ETHTOOL_A_BITSET_BITS_BIT, and ETHTOOL_A_BITSET_BIT_NAME. */
const bits = { list: 3, one: 1, name: 2 } as const;
/** ETHTOOL_FLAG_OMIT_REPLY. */
const OMIT_REPLY = 2;

/** Checksums of what a device sends, as `ethtool -K tx` means them (NETIF_F_CSUM_MASK and what goes with it). */
export const sentChecksums: readonly string[] = [
  'tx-checksum-ipv4',
  'tx-checksum-ip-generic',
  'tx-checksum-ipv6',
  'tx-checksum-fcoe-crc',
  'tx-checksum-sctp',
];

/** The features of the devices of one network namespace. */
export class EthtoolSocket implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #familyId: number;

  private constructor({ socket, familyId }: GenericFamily) {
    this.#socket = socket;
    this.#familyId = familyId;
  }

  /** @throws NetlinkError ENOENT where the kernel has no such interface (before Linux 5.6); as NetlinkSocket.open does. */
  static open(options: { readonly netns?: NetnsRef } = {}): EthtoolSocket {
    return new EthtoolSocket(openGenericFamily('ethtool', options));
  }

  /** The names of the features that are on. @throws NetlinkError ENODEV when there is no such device. */
  activeFeatures(interfaceIndex: number): ReadonlySet<string> {
    const body = this.#writer(command.getFeatures, interfaceIndex, 0).finish();
    const request = { type: this.#familyId, flags: 0, body, label: 'get features' };
    const [names = []] = this.#socket.request(request, (reply) =>
      (
        readAttributes(reply.body, GENERIC_HEADER_BYTES).nested(featuresAttribute.active)?.list(bits.list) ?? []
      ).flatMap((bit) => bit.string(bits.name) ?? []),
    );
    return new Set(names);
  }

  /** Switches these features off, as far as the device lets them be. @throws NetlinkError when the kernel refuses. */
  switchOff(interfaceIndex: number, features: readonly string[]): void {
    const body = this.#writer(command.setFeatures, interfaceIndex, OMIT_REPLY)
      .nested(featuresAttribute.wanted, (wanted) => {
        wanted.nested(bits.list, (list) => {
          // A bit that is named without a value is to be off.
          for (const name of features) list.nested(bits.one, (bit) => bit.string(bits.name, name));
        });
      })
      .finish();
    const [error] = this.#socket.execute([{ type: this.#familyId, flags: 0, body, label: 'set features' }]);
    if (error !== undefined) throw error;
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  #writer(what: number, interfaceIndex: number, flags: number): AttributeWriter {
    return genericWriter(what, FAMILY_VERSION).nested(featuresAttribute.header, (header) => {
      header.u32(headerAttribute.deviceIndex, interfaceIndex).u32(headerAttribute.flags, flags);
    });
  }
}

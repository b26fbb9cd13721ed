import { genericWriter, openGenericFamily, type GenericFamily } from '../generic/generic-message.ts';
import { NetlinkError } from '../netlink-error.ts';
import type { NetlinkSocket } from '../netlink-socket.ts';
import type { NetnsRef } from '../netns.ts';
import { command, deviceAttribute, FAMILY_NAME, FAMILY_VERSION } from './numbers.ts';
import { decodeDevicePart, joinDeviceParts, type WireguardDevice } from './wireguard-device.ts';
import { setDeviceRequests, type WireguardChange } from './wireguard-requests.ts';

/** What WireGuard devices of one network namespace are set to. */
export class WireguardSocket implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #familyId: number;

  private constructor({ socket, familyId }: GenericFamily) {
    this.#socket = socket;
    this.#familyId = familyId;
  }

  /** @throws NetlinkError ENOENT where the kernel has no WireGuard; as NetlinkSocket.open does. */
  static open(options: { readonly netns?: NetnsRef } = {}): WireguardSocket {
    return new WireguardSocket(openGenericFamily(FAMILY_NAME, options));
  }

  /** `undefined` when there is no such device. */
  getDevice(interfaceIndex: number): WireguardDevice | undefined {
    const request = {
      type: this.#familyId,
      flags: 0,
      body: genericWriter(command.getDevice, FAMILY_VERSION)
        .u32(deviceAttribute.interfaceIndex, interfaceIndex)
        .finish(),
      label: 'get WireGuard device',
    };
    try {
      return joinDeviceParts(this.#socket.dump(request, decodeDevicePart));
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'ENODEV') return undefined;
      throw error;
    }
  }

  /** Makes the change; gives how many requests that took. @throws NetlinkError when the kernel refuses. */
  setDevice(interfaceIndex: number, change: WireguardChange): number {
    const requests = setDeviceRequests(this.#familyId, interfaceIndex, change);
    const error = this.#socket.execute(requests).find((each) => each !== undefined);
    if (error !== undefined) throw error;
    return requests.length;
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

import * as inject from '@calico-node/netlink/inject';
import { encodeProbe } from '../../src/explain/probe-packet.ts';
import type { Packet } from '../../src/rules/interpret.ts';

/** Puts frames on one interface of a namespace, as if its other end had sent them. */
export class FrameSender extends inject.FrameSender {
  constructor(netns: string, interfaceIndex: number) {
    super(interfaceIndex, { netns });
  }
}

/** Sends packets as a process of a namespace that writes their headers itself. */
export class PacketSender implements Disposable {
  readonly #sender: inject.PacketSender;

  constructor(netns: string) {
    this.#sender = new inject.PacketSender({ netns });
  }

  /** What the packet filter drops is an error that the sender sees; it is no failure here. */
  send(packet: Packet, id: number): void {
    this.#sender.send(packet.destination, encodePacket(packet, id));
  }

  [Symbol.dispose](): void {
    this.#sender.close();
  }
}

/** The packet as an Ethernet frame. `id` is its IPv4 identification or its IPv6 flow label, 16 bits. */
export function encodeFrame(packet: Packet, destinationMac: Uint8Array, id: number): Uint8Array {
  const etherType = packet.family === 4 ? [0x08, 0x00] : [0x86, 0xdd];
  return Uint8Array.from([...destinationMac, 2, 0, 0, 0, 0, 1, ...etherType, ...encodePacket(packet, id)]);
}

function encodePacket(packet: Packet, id: number): Uint8Array {
  return encodeProbe(packet, { id, cookie: 1 });
}

import { ipToBytes } from '@calico-node/net';
import { inNetns, loadNative } from '@calico-node/netlink';
import type { Packet } from '../../src/rules/interpret.ts';

const AF_PACKET = 17;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_RAW = 3;
const IPPROTO_RAW = 255;

/** Puts frames on one interface of a namespace, as if its other end had sent them. */
export class FrameSender implements Disposable {
  readonly #native = loadNative();
  readonly #fd: number;

  constructor(netns: string, interfaceIndex: number) {
    this.#fd = inNetns(netns, () => this.#native.socket(AF_PACKET, SOCK_RAW, 0));
    // struct sockaddr_ll
    const address = new Uint8Array(20);
    const view = new DataView(address.buffer);
    view.setUint16(0, AF_PACKET, true);
    view.setInt32(4, interfaceIndex, true);
    if (this.#fd < 0 || this.#native.bind(this.#fd, address) < 0) throw new Error('cannot open a packet socket');
  }

  send(frame: Uint8Array): void {
    const sent = this.#native.send(this.#fd, frame, 0);
    if (sent !== frame.length) throw new Error(`sent ${sent} of ${frame.length} bytes`);
  }

  [Symbol.dispose](): void {
    this.#native.close(this.#fd);
  }
}

/** Sends packets as a process of a namespace that writes their headers itself. */
export class PacketSender implements Disposable {
  readonly #native = loadNative();
  readonly #fds: Readonly<Record<4 | 6, number>>;

  constructor(netns: string) {
    const open = (family: number) => inNetns(netns, () => this.#native.socket(family, SOCK_RAW, IPPROTO_RAW));
    this.#fds = { 4: open(AF_INET), 6: open(AF_INET6) };
    if (this.#fds[4] < 0 || this.#fds[6] < 0) throw new Error('cannot open a raw socket');
  }

  /** What the packet filter drops is an error that the sender sees; it is no failure here. */
  send(packet: Packet, id: number): void {
    const fd = this.#fds[packet.family];
    // struct sockaddr_in and sockaddr_in6, without a port
    const address = new Uint8Array(packet.family === 4 ? 16 : 28);
    address[0] = packet.family === 4 ? AF_INET : AF_INET6;
    address.set(ipToBytes(packet.destination), packet.family === 4 ? 4 : 8);
    if (this.#native.connect(fd, address) < 0) throw new Error(`no route to ${packet.destination}`);
    this.#native.send(fd, encodePacket(packet, id), 0);
  }

  [Symbol.dispose](): void {
    for (const fd of Object.values(this.#fds)) this.#native.close(fd);
  }
}

/** The packet as an Ethernet frame. `id` is its IPv4 identification or its IPv6 flow label, 16 bits. */
export function encodeFrame(packet: Packet, destinationMac: Uint8Array, id: number): Uint8Array {
  const etherType = packet.family === 4 ? [0x08, 0x00] : [0x86, 0xdd];
  return Uint8Array.from([...destinationMac, 2, 0, 0, 0, 0, 1, ...etherType, ...encodePacket(packet, id)]);
}

function encodePacket(packet: Packet, id: number): Uint8Array {
  const payload = encodePayload(packet);
  const header = packet.family === 4 ? ipv4Header(packet, payload.length, id) : ipv6Header(packet, payload.length, id);
  return Uint8Array.from([...header, ...payload]);
}

const word = (value: number): readonly number[] => [value >> 8, value & 0xff];

/** RFC 791 3.1. */
function ipv4Header(packet: Packet, length: number, id: number): Uint8Array {
  const header = Uint8Array.from([
    ...[0x45, 0, ...word(20 + length), ...word(id), 0x40, 0, 64, packet.protocol, 0, 0],
    ...ipToBytes(packet.source),
    ...ipToBytes(packet.destination),
  ]);
  let sum = 0;
  for (let offset = 0; offset < 20; offset += 2) sum += (header[offset]! << 8) | header[offset + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  header.set(word(~sum & 0xffff), 10);
  return header;
}

/** RFC 8200 3. */
function ipv6Header(packet: Packet, length: number, id: number): Uint8Array {
  const fixed = [0x60, 0, ...word(id), ...word(length), packet.protocol, 64];
  return Uint8Array.from([...fixed, ...ipToBytes(packet.source), ...ipToBytes(packet.destination)]);
}

/** Enough for connection tracking to take it for a new connection; checksums of upper layers are left out. */
function encodePayload({
  protocol,
  sourcePort = 0,
  destinationPort = 0,
  icmpType = 0,
  icmpCode = 0,
}: Packet): Uint8Array {
  const ports = [...word(sourcePort), ...word(destinationPort)];
  switch (protocol) {
    case 6: // SYN, RFC 9293 3.1
      return Uint8Array.from([...ports, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0]);
    case 17:
      return Uint8Array.from([...ports, 0, 8, 0, 0]);
    case 132: // INIT, RFC 9260 3.3.2
      return Uint8Array.from([...ports, ...zeros(8), 1, 0, 0, 20, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1]);
    case 1:
    case 58:
      return Uint8Array.from([icmpType, icmpCode, 0, 0, 0, 1, 0, 1]);
    default: // a GRE header without options, or anything
      return Uint8Array.from([0, 0, 0x08, 0, ...zeros(20)]);
  }
}

const zeros = (count: number): readonly number[] => Array<number>(count).fill(0);

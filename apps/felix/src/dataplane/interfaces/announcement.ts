import { ipToBytes, macToBytes, type IpAddress, type Mac } from '@calico-node/net';

const BROADCAST = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
/** All nodes of the link, ff02::1, and its Ethernet address (RFC 4291 2.7.1, RFC 2464 7). */
const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);

const ARP_REQUEST = 1;
const ARP_REPLY = 2;
const ICMPV6 = 58;
const NEIGHBOUR_ADVERTISEMENT = 136;
const OVERRIDE = 0x20;
const TARGET_LINK_ADDRESS = 2;

/**
 * The Ethernet frame that tells a link which hardware address an address is to be found at now: an ARP announcement
 * (RFC 5227 3), or an unsolicited neighbour advertisement (RFC 4861 7.2.6).
 */
export function encodeAnnouncement(ip: IpAddress, mac: Mac): Uint8Array {
  const address = ipToBytes(ip);
  const hardware = macToBytes(mac);
  if (address.length === 4) {
    const arp = [0, 1, 8, 0, 6, 4, 0, ARP_REQUEST, ...hardware, ...address, ...new Uint8Array(6), ...address];
    return Uint8Array.from([...BROADCAST, ...hardware, 0x08, 0x06, ...arp]);
  }
  const message = Uint8Array.from([
    ...[NEIGHBOUR_ADVERTISEMENT, 0, 0, 0, OVERRIDE, 0, 0, 0],
    ...address,
    ...[TARGET_LINK_ADDRESS, 1, ...hardware],
  ]);
  const length = message.length;
  const pseudoHeader = [...address, ...ALL_NODES, 0, 0, 0, length, 0, 0, 0, ICMPV6];
  const sum = onesComplementSum(Uint8Array.from([...pseudoHeader, ...message]));
  message.set([(~sum >> 8) & 0xff, ~sum & 0xff], 2);
  // Version 6, and a hop limit of 255, without which nobody takes it.
  const header = [0x60, 0, 0, 0, 0, length, ICMPV6, 255, ...address, ...ALL_NODES];
  return Uint8Array.from([...ALL_NODES_MAC, ...hardware, 0x86, 0xdd, ...header, ...message]);
}

/** Who asked for an address by ARP. */
export interface ArpAsker {
  readonly sender: IpAddress;
  readonly senderMac: Mac;
}

/** The Ethernet frame that answers who asked by ARP for an IPv4 address (RFC 826). */
export function encodeArpReply(ip: IpAddress, mac: Mac, { sender, senderMac }: ArpAsker): Uint8Array {
  const [own, theirs] = [macToBytes(mac), macToBytes(senderMac)];
  const arp = [0, 1, 8, 0, 6, 4, 0, ARP_REPLY, ...own, ...ipToBytes(ip), ...theirs, ...ipToBytes(sender)];
  return Uint8Array.from([...theirs, ...own, 0x08, 0x06, ...arp]);
}

/** RFC 1071, of an even number of bytes. */
function onesComplementSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < bytes.length; index += 2) {
    sum += ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return sum;
}

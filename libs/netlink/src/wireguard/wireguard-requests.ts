import { ipToBytes, splitCidr, wireguardKeyToBytes, type Cidr, type WireguardKey } from '@calico-node/net';
import type { AttributeWriter } from '../attribute-writer.ts';
import { genericWriter } from '../generic/generic-message.ts';
import type { NetlinkRequest } from '../message.ts';
import { addressFamily } from '../route/kernel-numbers.ts';
import { encodeSocketAddress } from '../socket-address.ts';
import { allowedIpAttribute, command, deviceAttribute, FAMILY_VERSION, peerAttribute, peerFlag } from './numbers.ts';
import type { WireguardEndpoint } from './wireguard-device.ts';

/** A change of one peer; what is absent stays as it is. */
export type WireguardPeerChange =
  | { readonly publicKey: WireguardKey; readonly remove: true }
  | {
      readonly publicKey: WireguardKey;
      readonly remove?: false;
      readonly endpoint?: WireguardEndpoint;
      readonly keepaliveSeconds?: number;
      /** All that it may have. A network that another peer has moves to this one. */
      readonly allowedIps?: readonly Cidr[];
    };

/** A change of a device; what is absent stays as it is, and so do peers that are not named. */
export interface WireguardChange {
  /** 32 bytes. Only the kernel keeps it. */
  readonly privateKey?: Uint8Array;
  readonly listenPort?: number;
  readonly mark?: number;
  readonly peers?: readonly WireguardPeerChange[];
}

/** How many networks one entry of a peer has: well below what the 16 bits of its length can tell. */
const ALLOWED_IPS_PER_ENTRY = 500;
/** The entries of a request together, for the same reason. */
const ALLOWED_IPS_PER_REQUEST = 1000;
const PEERS_PER_REQUEST = 100;

/** One entry for a peer of a request: a peer with many networks has several. */
interface PeerEntry {
  readonly change: WireguardPeerChange;
  readonly allowedIps: readonly Cidr[];
  /** The first one takes away what the peer had. */
  readonly isFirst: boolean;
}

/** The requests that make the change, in order: as many as its peers need. */
export function setDeviceRequests(
  familyId: number,
  interfaceIndex: number,
  change: WireguardChange,
): readonly NetlinkRequest[] {
  const { privateKey, listenPort, mark, peers = [] } = change;
  const changesDevice = privateKey !== undefined || listenPort !== undefined || mark !== undefined;
  const groups = groupsOf(peers.flatMap(entriesOf));
  return (changesDevice && groups.length === 0 ? [[]] : groups).map((entries, index) => {
    const writer = genericWriter(command.setDevice, FAMILY_VERSION, 4096);
    writer.u32(deviceAttribute.interfaceIndex, interfaceIndex);
    if (index === 0) {
      if (privateKey !== undefined) writer.bytes(deviceAttribute.privateKey, privateKey);
      if (listenPort !== undefined) writer.u16(deviceAttribute.listenPort, listenPort);
      if (mark !== undefined) writer.u32(deviceAttribute.mark, mark);
    }
    if (entries.length > 0) {
      writer.nested(deviceAttribute.peers, (list) => {
        for (const [at, entry] of entries.entries()) {
          list.nested(at, (peer) => {
            writePeer(peer, entry);
          });
        }
      });
    }
    return { type: familyId, flags: 0, body: writer.finish(), label: 'set WireGuard device' };
  });
}

function entriesOf(change: WireguardPeerChange): readonly PeerEntry[] {
  const allowedIps = change.remove === true ? [] : (change.allowedIps ?? []);
  const count = Math.max(1, Math.ceil(allowedIps.length / ALLOWED_IPS_PER_ENTRY));
  return Array.from({ length: count }, (_, index) => ({
    change,
    allowedIps: allowedIps.slice(index * ALLOWED_IPS_PER_ENTRY, (index + 1) * ALLOWED_IPS_PER_ENTRY),
    isFirst: index === 0,
  }));
}

function groupsOf(entries: readonly PeerEntry[]): readonly (readonly PeerEntry[])[] {
  const groups: PeerEntry[][] = [];
  let networks = 0;
  for (const entry of entries) {
    const last = groups.at(-1);
    networks += entry.allowedIps.length;
    if (last === undefined || last.length === PEERS_PER_REQUEST || networks > ALLOWED_IPS_PER_REQUEST) {
      groups.push([entry]);
      networks = entry.allowedIps.length;
    } else last.push(entry);
  }
  return groups;
}

function writePeer(writer: AttributeWriter, { change, allowedIps, isFirst }: PeerEntry): void {
  writer.bytes(peerAttribute.publicKey, wireguardKeyToBytes(change.publicKey));
  if (change.remove === true) {
    writer.u32(peerAttribute.flags, peerFlag.remove);
    return;
  }
  const { endpoint, keepaliveSeconds } = change;
  if (isFirst) {
    if (change.allowedIps !== undefined) writer.u32(peerAttribute.flags, peerFlag.replaceAllowedIps);
    if (endpoint !== undefined) writer.bytes(peerAttribute.endpoint, encodeSocketAddress(endpoint));
    if (keepaliveSeconds !== undefined) writer.u16(peerAttribute.keepaliveSeconds, keepaliveSeconds);
  }
  if (allowedIps.length === 0) return;
  writer.nested(peerAttribute.allowedIps, (list) => {
    for (const [at, cidr] of allowedIps.entries()) {
      const { ip, prefixLength, family } = splitCidr(cidr);
      list.nested(at, (allowed) => {
        allowed.u16(allowedIpAttribute.family, addressFamily(family));
        allowed.bytes(allowedIpAttribute.address, ipToBytes(ip)).u8(allowedIpAttribute.prefixLength, prefixLength);
      });
    }
  });
}

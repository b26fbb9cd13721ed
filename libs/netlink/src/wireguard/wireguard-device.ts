import {
  cidrOf,
  ipFromBytes,
  type Cidr,
  type IpAddress,
  type WireguardKey,
  wireguardKeyFromBytes,
} from '@calico-node/net';
import { viewOf } from '../attribute-writer.ts';
import { readAttributes, type Attributes } from '../attributes.ts';
import { GENERIC_HEADER_BYTES } from '../generic/generic-message.ts';
import type { NetlinkMessage } from '../message.ts';
import { decodeSocketAddress } from '../socket-address.ts';
import { allowedIpAttribute, deviceAttribute, peerAttribute } from './numbers.ts';

export interface WireguardEndpoint {
  readonly ip: IpAddress;
  readonly port: number;
}

/** Who is at the other end, and what is sent there and taken from there. */
export interface WireguardPeer {
  readonly publicKey: WireguardKey;
  readonly endpoint: WireguardEndpoint | undefined;
  /** 0: none is sent. */
  readonly keepaliveSeconds: number;
  readonly allowedIps: readonly Cidr[];
  /** Unix time; 0 when there has been none. */
  readonly lastHandshakeSeconds: number;
  readonly receivedBytes: bigint;
  readonly sentBytes: bigint;
}

export interface WireguardDevice {
  readonly interfaceIndex: number;
  readonly name: string;
  /** `undefined` while the device has no private key. */
  readonly publicKey: WireguardKey | undefined;
  readonly listenPort: number;
  /** Of the packets that the device itself sends; 0: none. */
  readonly mark: number;
  readonly peers: readonly WireguardPeer[];
}

/**
 * Reads one message of an answer: a part of a device. The private key, which stands in it too, is not looked at.
 */
export function decodeDevicePart({ body }: Pick<NetlinkMessage, 'body'>): WireguardDevice {
  const attributes = readAttributes(body, GENERIC_HEADER_BYTES);
  const publicKey = attributes.bytes(deviceAttribute.publicKey);
  return {
    interfaceIndex: attributes.u32(deviceAttribute.interfaceIndex) ?? 0,
    name: attributes.string(deviceAttribute.interfaceName) ?? '',
    publicKey: publicKey === undefined ? undefined : wireguardKeyFromBytes(publicKey),
    listenPort: attributes.u16(deviceAttribute.listenPort) ?? 0,
    mark: attributes.u32(deviceAttribute.mark) ?? 0,
    peers: attributes.list(deviceAttribute.peers).map(decodePeer),
  };
}

/** The device from all parts of the answer: a peer that does not fit goes on in the next part, with its key alone. */
export function joinDeviceParts(parts: readonly WireguardDevice[]): WireguardDevice | undefined {
  const [first] = parts;
  if (first === undefined) return undefined;
  const peers = new Map<WireguardKey, WireguardPeer>();
  for (const peer of parts.flatMap((part) => part.peers)) {
    const begun = peers.get(peer.publicKey);
    const allowedIps = [...(begun?.allowedIps ?? []), ...peer.allowedIps];
    peers.set(peer.publicKey, { ...(begun ?? peer), allowedIps });
  }
  return { ...first, peers: [...peers.values()] };
}

function decodePeer(attributes: Attributes): WireguardPeer {
  const endpoint = attributes.bytes(peerAttribute.endpoint);
  const handshake = attributes.bytes(peerAttribute.lastHandshake);
  return {
    publicKey: wireguardKeyFromBytes(attributes.bytes(peerAttribute.publicKey) ?? new Uint8Array()),
    endpoint: endpoint === undefined ? undefined : decodeSocketAddress(endpoint),
    keepaliveSeconds: attributes.u16(peerAttribute.keepaliveSeconds) ?? 0,
    allowedIps: attributes.list(peerAttribute.allowedIps).flatMap(decodeAllowedIp),
    lastHandshakeSeconds: handshake === undefined ? 0 : Number(viewOf(handshake).getBigInt64(0, true)),
    receivedBytes: attributes.u64(peerAttribute.receivedBytes) ?? 0n,
    sentBytes: attributes.u64(peerAttribute.sentBytes) ?? 0n,
  };
}

function decodeAllowedIp(attributes: Attributes): readonly Cidr[] {
  const address = attributes.bytes(allowedIpAttribute.address);
  const prefixLength = attributes.u8(allowedIpAttribute.prefixLength);
  return address === undefined || prefixLength === undefined ? [] : [cidrOf(ipFromBytes(address), prefixLength)];
}

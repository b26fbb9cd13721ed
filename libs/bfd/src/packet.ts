/** The BFD control packet (RFC 5880 4.1). */

export type BfdStateName = 'AdminDown' | 'Down' | 'Init' | 'Up';

/** By their numbers on the wire. */
const stateNames: readonly BfdStateName[] = ['AdminDown', 'Down', 'Init', 'Up'];

/** Why the session last left Up, or could not enter it (RFC 5880 4.1). */
export const diagnostic = {
  none: 0,
  detectionTimeExpired: 1,
  echoFailed: 2,
  neighborSignaledDown: 3,
  forwardingPlaneReset: 4,
  pathDown: 5,
  concatenatedPathDown: 6,
  administrativelyDown: 7,
  reverseConcatenatedPathDown: 8,
} as const;

export interface ControlPacket {
  /** 0 to 31; see `diagnostic`. */
  readonly diagnostic: number;
  readonly state: BfdStateName;
  readonly poll: boolean;
  readonly final: boolean;
  readonly controlPlaneIndependent: boolean;
  readonly demand: boolean;
  /** 1 to 255. */
  readonly multiplier: number;
  /** Not zero. */
  readonly myDiscriminator: number;
  /** Zero until the other side's is known. */
  readonly yourDiscriminator: number;
  /** The intervals in microseconds. */
  readonly desiredMinTxUs: number;
  readonly requiredMinRxUs: number;
  readonly requiredMinEchoRxUs: number;
}

/** Why a packet is dropped: the checks of RFC 5880 6.8.6 that need no session, in their order. */
export type PacketProblem =
  | 'too short'
  | 'version'
  | 'length'
  | 'multiplier'
  | 'multipoint'
  | 'my discriminator'
  | 'your discriminator'
  | 'authentication';

export type DecodedPacket =
  { readonly ok: true; readonly packet: ControlPacket } | { readonly ok: false; readonly problem: PacketProblem };

const version = 1;
const packetLength = 24;
const flag = { poll: 0x20, final: 0x10, independent: 0x08, authentication: 0x04, demand: 0x02, multipoint: 0x01 };

export function encodeControlPacket(packet: ControlPacket): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(packetLength);
  const view = new DataView(bytes.buffer);
  bytes[0] = (version << 5) | packet.diagnostic;
  bytes[1] =
    (stateNames.indexOf(packet.state) << 6) |
    (packet.poll ? flag.poll : 0) |
    (packet.final ? flag.final : 0) |
    (packet.controlPlaneIndependent ? flag.independent : 0) |
    (packet.demand ? flag.demand : 0);
  bytes[2] = packet.multiplier;
  bytes[3] = packetLength;
  view.setUint32(4, packet.myDiscriminator);
  view.setUint32(8, packet.yourDiscriminator);
  view.setUint32(12, packet.desiredMinTxUs);
  view.setUint32(16, packet.requiredMinRxUs);
  view.setUint32(20, packet.requiredMinEchoRxUs);
  return bytes;
}

/** Never throws, whatever the bytes. */
export function decodeControlPacket(bytes: Uint8Array): DecodedPacket {
  const refuse = (problem: PacketProblem): DecodedPacket => ({ ok: false, problem });
  if (bytes.length < packetLength) return refuse('too short');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [first, second, length] = [view.getUint8(0), view.getUint8(1), view.getUint8(3)];
  if (first >> 5 !== version) return refuse('version');
  const isAuthenticated = (second & flag.authentication) !== 0;
  if (length < (isAuthenticated ? packetLength + 2 : packetLength) || length > bytes.length) return refuse('length');
  const multiplier = view.getUint8(2);
  if (multiplier === 0) return refuse('multiplier');
  if ((second & flag.multipoint) !== 0) return refuse('multipoint');
  const myDiscriminator = view.getUint32(4);
  if (myDiscriminator === 0) return refuse('my discriminator');
  const yourDiscriminator = view.getUint32(8);
  const state = stateNames[second >> 6] ?? 'AdminDown';
  if (yourDiscriminator === 0 && state !== 'Down' && state !== 'AdminDown') return refuse('your discriminator');
  if (isAuthenticated) return refuse('authentication');
  return {
    ok: true,
    packet: {
      diagnostic: first & 0x1f,
      state,
      poll: (second & flag.poll) !== 0,
      final: (second & flag.final) !== 0,
      controlPlaneIndependent: (second & flag.independent) !== 0,
      demand: (second & flag.demand) !== 0,
      multiplier,
      myDiscriminator,
      yourDiscriminator,
      desiredMinTxUs: view.getUint32(12),
      requiredMinRxUs: view.getUint32(16),
      requiredMinEchoRxUs: view.getUint32(20),
    },
  };
}

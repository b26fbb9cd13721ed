/** MRT records (RFC 6396 4.4) of what happens in BGP sessions: BGP4MP, with AS numbers of four octets. */
import { familyOf, ipToBytes, type Family, type IpAddress } from '@calico-node/net';
import type { StateName } from '../fsm/fsm.ts';
import { u16, u8, type ByteWriter } from '../wire/bytes.ts';
import { familyOfAfi } from '../wire/capability.ts';
import { headerLength } from '../wire/header.ts';
import { asTrans } from '../wire/open.ts';
import { attributeCode, attributeFlag } from '../wire/path-attributes.ts';
import { writeRecord } from './record.ts';

const bgp4mp = 16;
/** RFC 6396 4.4.2, 4.4.3, 4.4.1; RFC 8050 3 for messages with path identifiers. */
const subtypes = { message: 1, messageAs4: 4, stateChangeAs4: 5, messageAddPath: 8, messageAs4AddPath: 9 } as const;
const afi = { 4: 1, 6: 2 } as const;
/** RFC 6396 4.4.1 */
const stateNumber: Readonly<Record<StateName, number>> = {
  Idle: 1,
  Connect: 2,
  Active: 3,
  OpenSent: 4,
  OpenConfirm: 5,
  Established: 6,
};

export interface MrtSession {
  readonly peerAs: number;
  readonly localAs: number;
  readonly peerAddress: IpAddress;
  /** Of the peer address's family. */
  readonly localAddress: IpAddress;
}

/** How the message has to be read. */
export interface MrtMessageForm {
  readonly as4: boolean;
  readonly addPath: boolean;
}

function writeSession(writer: ByteWriter, session: MrtSession, as4: boolean): ByteWriter {
  const { peerAs, localAs, peerAddress, localAddress } = session;
  for (const asn of [peerAs, localAs]) {
    if (as4) writer.u32(asn);
    else writer.u16(asn > 0xffff ? asTrans : asn);
  }
  // Interface index: not known.
  writer.u16(0).u16(afi[familyOf(peerAddress)]);
  return writer.bytes(ipToBytes(peerAddress)).bytes(ipToBytes(localAddress));
}

/** @param message whole, with its header. */
export function encodeMrtMessage(
  session: MrtSession,
  { as4, addPath }: MrtMessageForm,
  message: Uint8Array,
  unixSeconds: number,
): Uint8Array<ArrayBuffer> {
  const plain = as4 ? subtypes.messageAs4 : subtypes.message;
  const withPaths = as4 ? subtypes.messageAs4AddPath : subtypes.messageAddPath;
  return writeRecord(unixSeconds, bgp4mp, addPath ? withPaths : plain, (writer) => {
    writeSession(writer, session, as4).bytes(message);
  });
}

/** The family whose prefixes a whole UPDATE is about, to tell whether these have path identifiers. */
export function familyOfUpdate(message: Uint8Array): Family {
  const attributesAt = headerLength + 2 + u16(message, headerLength);
  const end = attributesAt + 2 + u16(message, attributesAt);
  let at = attributesAt + 2;
  while (at + 3 < Math.min(end, message.length)) {
    const isLong = (u8(message, at) & attributeFlag.extendedLength) !== 0;
    const code = u8(message, at + 1);
    const value = at + (isLong ? 4 : 3);
    if (code === attributeCode.mpReach || code === attributeCode.mpUnreach) {
      return familyOfAfi(u16(message, value), u8(message, value + 2)) ?? 4;
    }
    at = value + (isLong ? u16(message, at + 2) : u8(message, at + 2));
  }
  return 4;
}

export function encodeMrtStateChange(
  session: MrtSession,
  from: StateName,
  to: StateName,
  unixSeconds: number,
): Uint8Array<ArrayBuffer> {
  return writeRecord(unixSeconds, bgp4mp, subtypes.stateChangeAs4, (writer) => {
    writeSession(writer, session, true).u16(stateNumber[from]).u16(stateNumber[to]);
  });
}

import { ipFromBytes, type Family, type IpAddress } from '@calico-node/net';
import { readAttributes, type Attributes } from '../attributes.ts';
import type { NetlinkMessage } from '../message.ts';
import { decodeFlow, type ConnectionFlow } from './connection-flow.ts';

/** CTA_* of connections, counters and protocols (nfnetlink_conntrack.h, nf_conntrack_tcp.h of the kernel's headers). */
const connectionAttribute = { original: 1, protocol: 4, originalCounters: 9, replyCounters: 10 } as const;
const counterAttribute = { packets: 1, bytes: 2 } as const;
const tupleAttribute = { ip: 1, protocol: 2 } as const;
const ipDestination = { 4: 2, 6: 4 } as const;
const DESTINATION_PORT = 3;
const PROTOCOL_TCP = 1;
const TCP_STATE = 1;
/** TCP_CONNTRACK_TIME_WAIT and _CLOSE: both ends are done with it. */
const [TIME_WAIT, CLOSE] = [7, 8];
const NFGENMSG_BYTES = 4;

/** Packets and bytes of one direction, from the IP header on. */
export interface Traffic {
  readonly packets: number;
  readonly bytes: number;
}

/** Where the first packet of a connection was sent to, before its destination was translated. */
export interface OriginalDestination {
  readonly destination: IpAddress;
  /** Present for protocols with ports. */
  readonly destinationPort?: number;
}

/** A connection with what has gone over it; zero where the kernel does not count (nf_conntrack_acct). */
export interface CountedConnection extends ConnectionFlow {
  readonly sentTo: OriginalDestination;
  readonly forth: Traffic;
  readonly back: Traffic;
  /** A TCP connection that both ends have closed, or one of them has reset. */
  readonly isEnding: boolean;
}

/** Reads a message about a connection; `undefined` when it does not say both ends. */
export function decodeCounted(message: NetlinkMessage, family: Family): CountedConnection | undefined {
  const flow = decodeFlow(message, family);
  const connection = readAttributes(message.body, NFGENMSG_BYTES);
  const sentTo = originalDestination(connection, family);
  if (flow === undefined || sentTo === undefined) return undefined;
  const state = connection.nested(connectionAttribute.protocol)?.nested(PROTOCOL_TCP)?.u8(TCP_STATE);
  return {
    ...flow,
    sentTo,
    forth: trafficOf(connection.nested(connectionAttribute.originalCounters)),
    back: trafficOf(connection.nested(connectionAttribute.replyCounters)),
    isEnding: state === TIME_WAIT || state === CLOSE,
  };
}

/** From the attributes of a connection, as they also come with logged packets. */
export function originalDestination(connection: Attributes, family: Family): OriginalDestination | undefined {
  const tuple = connection.nested(connectionAttribute.original);
  const bytes = tuple?.nested(tupleAttribute.ip)?.bytes(ipDestination[family]);
  if (bytes === undefined) return undefined;
  const destinationPort = tuple?.nested(tupleAttribute.protocol)?.be16(DESTINATION_PORT);
  return { destination: ipFromBytes(bytes), ...(destinationPort === undefined ? {} : { destinationPort }) };
}

function trafficOf(counters: Attributes | undefined): Traffic {
  return {
    packets: Number(counters?.be64(counterAttribute.packets) ?? 0n),
    bytes: Number(counters?.be64(counterAttribute.bytes) ?? 0n),
  };
}

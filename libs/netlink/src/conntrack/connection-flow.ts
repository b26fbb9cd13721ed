import { ipFromBytes, type Family, type IpAddress } from '@calico-node/net';
import { readAttributes, type Attributes } from '../attributes.ts';
import type { NetlinkMessage } from '../message.ts';

/** CTA_TUPLE_*, CTA_IP_* and CTA_PROTO_* (nfnetlink_conntrack.h of the kernel's headers). */
const connectionAttribute = { original: 1, reply: 2 } as const;
const tupleAttribute = { ip: 1, protocol: 2 } as const;
const ipSource = { 4: 1, 6: 3 } as const;
const protocolAttribute = { number: 1, sourcePort: 2 } as const;
const icmpAttributes = { 4: { type: 5, code: 6 }, 6: { type: 8, code: 9 } } as const;
const NFGENMSG_BYTES = 4;

/** A connection as packet filters see its first packet when they forward it: once its destination was translated. */
export interface ConnectionFlow {
  readonly family: Family;
  /** IP protocol number. */
  readonly protocol: number;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** Present for protocols with ports. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** Present for ICMP and ICMPv6. */
  readonly icmpType?: number;
  readonly icmpCode?: number;
}

/** Reads a message about a connection; `undefined` when it does not say both ends. */
export function decodeFlow({ body }: NetlinkMessage, family: Family): ConnectionFlow | undefined {
  const connection = readAttributes(body, NFGENMSG_BYTES);
  const original = connection.nested(connectionAttribute.original);
  const reply = connection.nested(connectionAttribute.reply);
  const source = sourceOf(original, family);
  // Whoever answers is where it went.
  const destination = sourceOf(reply, family);
  const forth = original?.nested(tupleAttribute.protocol);
  const protocol = forth?.u8(protocolAttribute.number);
  if (source === undefined || destination === undefined || protocol === undefined) return undefined;
  const sourcePort = forth?.be16(protocolAttribute.sourcePort);
  const destinationPort = reply?.nested(tupleAttribute.protocol)?.be16(protocolAttribute.sourcePort);
  const icmpType = forth?.u8(icmpAttributes[family].type);
  const icmpCode = forth?.u8(icmpAttributes[family].code);
  return {
    family,
    protocol,
    source,
    destination,
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
    ...(icmpType === undefined ? {} : { icmpType }),
    ...(icmpCode === undefined ? {} : { icmpCode }),
  };
}

function sourceOf(tuple: Attributes | undefined, family: Family): IpAddress | undefined {
  const bytes = tuple?.nested(tupleAttribute.ip)?.bytes(ipSource[family]);
  return bytes === undefined ? undefined : ipFromBytes(bytes);
}

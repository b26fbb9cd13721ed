import { ipFromBytes, ipToBytes, type Family, type IpAddress } from '@calico-node/net';
import { AttributeWriter } from '../attribute-writer.ts';
import { readAttributes, type Attributes } from '../attributes.ts';
import type { NetlinkMessage, NetlinkRequest } from '../message.ts';

/** NFNL_SUBSYS_CTNETLINK in the high byte, IPCTNL_MSG_CT_* below (nfnetlink_conntrack.h of the kernel's headers). */
const SUBSYSTEM = 1 << 8;
const messageType = { get: SUBSYSTEM | 1, delete: SUBSYSTEM | 2 } as const;
/** CTA_*, of a connection, and of a tuple of addresses and ports. */
const connectionAttribute = { original: 1, reply: 2, id: 12, zone: 18, filter: 25 } as const;
const tupleAttribute = { ip: 1 } as const;
/** CTA_IP_*: source and destination. */
const ipAttributes = { 4: [1, 2], 6: [3, 4] } as const satisfies Record<Family, readonly number[]>;
/** CTA_FILTER_*: which of a tuple's members have to be equal, a bit each. */
const filterAttribute = { original: 1, reply: 2 } as const;
const filterFlag = { source: 1, destination: 2 } as const;

const NFGENMSG_BYTES = 4;
const familyNumber = { 4: 2, 6: 10 } as const;

/** Where in a connection an address stands: in the packets of which direction, and at which end. */
export interface AddressPlace {
  readonly tuple: 'original' | 'reply';
  readonly end: 'source' | 'destination';
}

export const addressPlaces: readonly AddressPlace[] = (['original', 'reply'] as const).flatMap((tuple) =>
  (['source', 'destination'] as const).map((end) => ({ tuple, end })),
);

/** A connection, as far as it takes to know it and to delete it. */
export interface Connection {
  /** Both ends, of both directions. */
  readonly addresses: readonly IpAddress[];
  readonly deletion: NetlinkRequest;
}

/** With NLM_F_DUMP, all connections of a family. */
export function listConnections(family: Family): NetlinkRequest {
  return request(messageType.get, family, 'list connections');
}

/**
 * Deletes those that have the IPv4 address at that place: the kernel looks for them itself. One that cannot do so takes it
 * for the deletion of a connection that is told of by half, and says EINVAL. Not for IPv6: there the kernel compares the
 * wrong way round (`ctnetlink_filter_match_tuple`, Linux 6.18) and would delete all others.
 */
export function deleteConnectionsWith(address: IpAddress, { tuple, end }: AddressPlace): NetlinkRequest {
  const [source, destination] = ipAttributes[4];
  return request(messageType.delete, 4, `delete connections with ${address}`, (writer) => {
    writer.nested(connectionAttribute[tuple], (addresses) => {
      addresses.nested(tupleAttribute.ip, (ip) => {
        ip.bytes(end === 'source' ? source : destination, ipToBytes(address));
      });
    });
    writer.nested(connectionAttribute.filter, (filter) => {
      filter.u32(filterAttribute.original, tuple === 'original' ? filterFlag[end] : 0);
      filter.u32(filterAttribute.reply, tuple === 'reply' ? filterFlag[end] : 0);
    });
  });
}

/** Reads a message about a connection; `undefined` when it is about none. */
export function decodeConnection({ body }: NetlinkMessage, family: Family): Connection | undefined {
  const connection = readAttributes(body, NFGENMSG_BYTES);
  const original = connection.bytes(connectionAttribute.original)?.slice();
  if (original === undefined) return undefined;
  const tuples = [connectionAttribute.original, connectionAttribute.reply];
  const zone = connection.be16(connectionAttribute.zone);
  const id = connection.be32(connectionAttribute.id);
  return {
    addresses: tuples.flatMap((tuple) => addressesOf(connection.nested(tuple), family)),
    deletion: request(messageType.delete, family, 'delete connection', (writer) => {
      writer.nested(connectionAttribute.original, (tuple) => tuple.raw(original));
      if (zone !== undefined) writer.be16(connectionAttribute.zone, zone);
      // Without it another connection of the same addresses and ports, come meanwhile, would go instead.
      if (id !== undefined) writer.be32(connectionAttribute.id, id);
    }),
  };
}

function request(
  type: number,
  family: Family,
  label: string,
  write?: (writer: AttributeWriter) => void,
): NetlinkRequest {
  const writer = new AttributeWriter(Uint8Array.of(familyNumber[family], 0, 0, 0));
  write?.(writer);
  return { type, flags: 0, body: writer.finish(), label };
}

function addressesOf(tuple: Attributes | undefined, family: Family): readonly IpAddress[] {
  const ip = tuple?.nested(tupleAttribute.ip);
  return ipAttributes[family].flatMap((attribute) => {
    const bytes = ip?.bytes(attribute);
    return bytes === undefined ? [] : [ipFromBytes(bytes)];
  });
}

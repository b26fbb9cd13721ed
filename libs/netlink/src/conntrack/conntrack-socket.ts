import { familyOf, ipFromBytes, type Family, type IpAddress } from '@calico-node/net';
import { AttributeWriter } from '../attribute-writer.ts';
import { readAttributes, type Attributes } from '../attributes.ts';
import type { NetlinkMessage, NetlinkRequest } from '../message.ts';
import { NetlinkSocket } from '../netlink-socket.ts';
import type { NetnsRef } from '../netns.ts';

/** NFNL_SUBSYS_CTNETLINK in the high byte, IPCTNL_MSG_CT_* below (nfnetlink_conntrack.h of the kernel's headers). */
const SUBSYSTEM = 1 << 8;
const messageType = { get: SUBSYSTEM | 1, delete: SUBSYSTEM | 2 } as const;
/** CTA_*, of a connection, and of a tuple of addresses and ports. */
const connectionAttribute = { original: 1, reply: 2, id: 12, zone: 18 } as const;
const tupleAttribute = { ip: 1 } as const;
const ipAttributes = { 4: [1, 2], 6: [3, 4] } as const satisfies Record<Family, readonly number[]>;

const NFGENMSG_BYTES = 4;
const familyNumber = { 4: 2, 6: 10 } as const;

/** The kernel's connections of one network namespace (ctnetlink). */
export class ConntrackSocket implements Disposable {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  static open(options: { readonly netns?: NetnsRef } = {}): ConntrackSocket {
    return new ConntrackSocket(NetlinkSocket.open({ protocol: 'netfilter', ...options }));
  }

  /**
   * Has the kernel forget every connection that comes from or goes to one of the addresses, before or after
   * translation. One look at the table for all of them. Gives how many there were.
   *
   * @throws NetlinkError when the kernel refuses; a connection that has ended meanwhile is no error.
   */
  forget(addresses: ReadonlySet<IpAddress>): number {
    const families = new Set([...addresses].map(familyOf));
    const requests = [...families].flatMap((family) =>
      this.#socket.dump(request(messageType.get, family), (message) => deletionOf(message, family, addresses)),
    );
    if (requests.length === 0) return 0;
    const outcome = this.#socket.execute(requests);
    const error = outcome.find((one) => one !== undefined && one.code !== 'ENOENT');
    if (error !== undefined) throw error;
    return requests.length;
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function request(type: number, family: Family, write?: (writer: AttributeWriter) => void): NetlinkRequest {
  const writer = new AttributeWriter(Uint8Array.of(familyNumber[family], 0, 0, 0));
  write?.(writer);
  return { type, flags: 0, body: writer.finish(), label: `${write === undefined ? 'list' : 'delete'} connections` };
}

/** The request that deletes the connection that the message tells of, if it has one of the addresses. */
function deletionOf(
  { body }: NetlinkMessage,
  family: Family,
  addresses: ReadonlySet<IpAddress>,
): NetlinkRequest | undefined {
  const connection = readAttributes(body, NFGENMSG_BYTES);
  const isConcerned = [connectionAttribute.original, connectionAttribute.reply].some((tuple) =>
    addressesOf(connection.nested(tuple), family).some((ip) => addresses.has(ip)),
  );
  const original = connection.bytes(connectionAttribute.original)?.slice();
  if (!isConcerned || original === undefined) return undefined;
  const zone = connection.be16(connectionAttribute.zone);
  const id = connection.be32(connectionAttribute.id);
  return request(messageType.delete, family, (writer) => {
    writer.nested(connectionAttribute.original, (tuple) => tuple.raw(original));
    if (zone !== undefined) writer.be16(connectionAttribute.zone, zone);
    // Without it another connection of the same addresses and ports, come meanwhile, would go instead.
    if (id !== undefined) writer.be32(connectionAttribute.id, id);
  });
}

function addressesOf(tuple: Attributes | undefined, family: Family): readonly IpAddress[] {
  const ip = tuple?.nested(tupleAttribute.ip);
  return ipAttributes[family].flatMap((attribute) => {
    const bytes = ip?.bytes(attribute);
    return bytes === undefined ? [] : [ipFromBytes(bytes)];
  });
}

/** What packet filters log to a netlink group (nfnetlink_log.h of the kernel's headers, subsystem 4). */
import { AttributeWriter, viewOf } from '../attribute-writer.ts';
import { readAttributes } from '../attributes.ts';
import { originalDestination, type OriginalDestination } from '../conntrack/counted-connection.ts';
import type { NetlinkRequest } from '../message.ts';
import { NetlinkSocket } from '../netlink-socket.ts';
import type { NetnsRef } from '../netns.ts';

const messageType = { packet: 4 << 8, config: (4 << 8) | 1 } as const;
const NFGENMSG_BYTES = 4;
/** NFULA_CFG_*, NFULNL_CFG_CMD_BIND, NFULNL_COPY_PACKET and NFULNL_CFG_F_CONNTRACK. */
const configAttribute = { command: 1, mode: 2, threshold: 5, flags: 6 } as const;
const BIND_GROUP = 1;
const COPY_PACKET = 2;
const WITH_CONNECTION = 4;
/** NFULA_*. */
const packetAttribute = { payload: 9, prefix: 10, connection: 18 } as const;
const AF_INET6 = 10;

/** A packet that a rule logged; `headers` is valid during the call only. */
export interface LoggedPacket {
  readonly prefix: string;
  /** The packet's first bytes, from its IP header on. */
  readonly headers: Uint8Array;
  /** Where it was sent to, before that was translated: where the connection was asked for, and is known. */
  readonly sentTo?: OriginalDestination;
}

export interface NflogOptions {
  readonly netns?: NetnsRef;
  readonly group: number;
  /** How much of each packet is wanted. */
  readonly bytes: number;
  /** Whether to tell of the packet's connection, where the kernel can (NETFILTER_NETLINK_GLUE_CT). */
  readonly withConnection?: boolean;
  readonly onPacket: (packet: LoggedPacket) => void;
  /** Packets were lost. */
  readonly onOverrun: () => void;
}

/** The one reader of a group, until it is closed. */
export class NflogSocket implements Disposable {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Throws NetlinkError: EPERM where somebody else reads the group. */
  static open({ netns, group, bytes, withConnection = false, onPacket, onOverrun }: NflogOptions): NflogSocket {
    const socket = NetlinkSocket.open({ protocol: 'netfilter', ...(netns === undefined ? {} : { netns }) });
    const mode = new Uint8Array(6);
    viewOf(mode).setUint32(0, bytes);
    mode[4] = COPY_PACKET;
    try {
      for (const request of [
        config(group, (writer) => writer.u8(configAttribute.command, BIND_GROUP)),
        // Without the threshold the kernel keeps packets for up to a second.
        config(group, (writer) => writer.bytes(configAttribute.mode, mode).be32(configAttribute.threshold, 1)),
      ]) {
        socket.request(request, () => undefined);
      }
      // A kernel that cannot tell of connections says so, and leaves all else as it was.
      if (withConnection)
        socket.execute([config(group, (writer) => writer.be16(configAttribute.flags, WITH_CONNECTION))]);
    } catch (error) {
      socket.close();
      throw error;
    }
    socket.watch({
      onMessage: ({ type, body }) => {
        if (type !== messageType.packet) return;
        const attributes = readAttributes(body, NFGENMSG_BYTES);
        const connection = attributes.nested(packetAttribute.connection);
        const sentTo = connection && originalDestination(connection, body[0] === AF_INET6 ? 6 : 4);
        onPacket({
          prefix: attributes.string(packetAttribute.prefix) ?? '',
          headers: attributes.bytes(packetAttribute.payload) ?? new Uint8Array(0),
          ...(sentTo === undefined ? {} : { sentTo }),
        });
      },
      onOverrun,
    });
    return new NflogSocket(socket);
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** struct nfgenmsg with the group as its resource id, then attributes. */
function config(group: number, write: (writer: AttributeWriter) => AttributeWriter): NetlinkRequest {
  const writer = new AttributeWriter(Uint8Array.of(0, 0, group >> 8, group & 0xff));
  return { type: messageType.config, flags: 0, body: write(writer).finish(), label: `configure log group ${group}` };
}

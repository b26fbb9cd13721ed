/** Generic netlink (include/uapi/linux/genetlink.h): families that are found by their names. */
import { AttributeWriter } from '../attribute-writer.ts';
import { readAttributes } from '../attributes.ts';
import type { NetlinkRequest } from '../message.ts';
import { NetlinkError } from '../netlink-error.ts';
import { NetlinkSocket } from '../netlink-socket.ts';
import type { NetnsRef } from '../netns.ts';

/** `struct genlmsghdr`: the command, the family's version, and two bytes that are reserved. */
export const GENERIC_HEADER_BYTES = 4;

const CONTROLLER = 16;
const GET_FAMILY = 3;
const controllerAttribute = { familyId: 1, familyName: 2 } as const;

/** A writer of one message to a family, behind its header. */
export function genericWriter(command: number, version: number, capacity?: number): AttributeWriter {
  return new AttributeWriter(Uint8Array.of(command, version, 0, 0), capacity);
}

/** A socket, and the number that requests to one family begin with. */
export interface GenericFamily {
  readonly socket: NetlinkSocket;
  readonly familyId: number;
}

/** @throws NetlinkError ENOENT where the kernel has no such family; as NetlinkSocket.open does. */
export function openGenericFamily(name: string, options: { readonly netns?: NetnsRef } = {}): GenericFamily {
  const socket = NetlinkSocket.open({ protocol: 'generic', ...options });
  try {
    return { socket, familyId: findGenericFamily(socket, name) };
  } catch (error) {
    socket.close();
    throw error;
  }
}

/**
 * The number that a family has on this machine until it is restarted. The kernel loads the family's module when it can.
 *
 * @throws NetlinkError ENOENT where the kernel has no such family.
 */
function findGenericFamily(socket: NetlinkSocket, name: string): number {
  const request: NetlinkRequest = {
    type: CONTROLLER,
    flags: 0,
    body: genericWriter(GET_FAMILY, 1).string(controllerAttribute.familyName, name).finish(),
    label: `find ${name}`,
  };
  const [id] = socket.request(request, ({ body }) =>
    readAttributes(body, GENERIC_HEADER_BYTES).u16(controllerAttribute.familyId),
  );
  if (id === undefined) throw new NetlinkError({ code: 'ENOENT', request: request.label });
  return id;
}

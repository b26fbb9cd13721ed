import { align4, viewOf } from './attribute-writer.ts';
import { readAttributes } from './attributes.ts';
import { NetlinkError } from './netlink-error.ts';

/** Message types below 16 belong to netlink itself. */
export const controlType = { noop: 1, error: 2, done: 3, overrun: 4 } as const;

/** `nlmsg_flags` (include/uapi/linux/netlink.h). REQUEST and ACK are the socket's business. */
export const messageFlag = {
  request: 0x1,
  multi: 0x2,
  ack: 0x4,
  echo: 0x8,
  dumpInterrupted: 0x10,
  root: 0x100,
  match: 0x200,
  dump: 0x300,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
  nonRecursive: 0x100,
  bulk: 0x200,
  /** On an acknowledgement: only the header of the request is echoed. */
  capped: 0x100,
  /** On an acknowledgement: attributes with the kernel's explanation follow. */
  ackAttributes: 0x200,
} as const;

/** NLMSGERR_ATTR_*: what an extended acknowledgement tells. */
const ackAttribute = { message: 1, offset: 2, missingType: 5 } as const;

export const MESSAGE_HEADER_BYTES = 16;

/** One request, before the socket gives it its sequence number. */
export interface NetlinkRequest {
  readonly type: number;
  /** Without REQUEST and ACK. */
  readonly flags: number;
  /** The family's fixed header and the attributes, as an AttributeWriter leaves them. */
  readonly body: Uint8Array;
  /** What is asked for, for error messages: `add route 10.0.0.0/26`. */
  readonly label?: string;
}

/** Requests that stand in memory as messages, one after the other, but for their numbers. */
export interface FramedRequests {
  readonly count: number;
  /** All messages. */
  bytes(): Uint8Array;
  /** What one of them asks for, for error messages. */
  labelOf(index: number): string;
}

/** One message from the kernel. `body` is a view of the receive buffer, valid only until the next receive. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** The netlink port of the socket that asked, or whose request caused the event; 0 for the kernel. */
  readonly portId: number;
  readonly body: Uint8Array;
}

/**
 * Frames requests into one buffer with rising sequence numbers from `firstSequence`.
 * Only the request at `ackIndex` asks for an acknowledgement; errors come back for any of them regardless.
 */
export function encodeMessages(
  requests: readonly NetlinkRequest[],
  firstSequence: number,
  ackIndex: number,
): Uint8Array {
  let total = 0;
  for (const request of requests) total += MESSAGE_HEADER_BYTES + align4(request.body.length);
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [index, request] of requests.entries()) {
    const length = MESSAGE_HEADER_BYTES + request.body.length;
    view.setUint32(at, length, true);
    view.setUint16(at + 4, request.type, true);
    view.setUint16(at + 6, request.flags | messageFlag.request | (index === ackIndex ? messageFlag.ack : 0), true);
    view.setUint32(at + 8, (firstSequence + index) >>> 0, true);
    bytes.set(request.body, at + MESSAGE_HEADER_BYTES);
    at += align4(length);
  }
  return bytes;
}

/** Gives framed messages rising sequence numbers; the last one asks for the acknowledgement, no other. */
export function numberMessages(bytes: Uint8Array, firstSequence: number): void {
  const view = viewOf(bytes);
  let sequence = firstSequence;
  for (let at = 0; at < bytes.length; sequence++) {
    const next = at + align4(view.getUint32(at, true));
    const flags = view.getUint16(at + 6, true) & ~messageFlag.ack;
    view.setUint16(at + 6, flags | messageFlag.request | (next >= bytes.length ? messageFlag.ack : 0), true);
    view.setUint32(at + 8, sequence >>> 0, true);
    at = next;
  }
}

/** Cuts what one receive brought into its messages. Throws NetlinkError EBADMSG when a length is wrong. */
export function* readMessages(bytes: Uint8Array): Generator<NetlinkMessage> {
  const view = viewOf(bytes);
  let at = 0;
  while (at + MESSAGE_HEADER_BYTES <= bytes.length) {
    const length = view.getUint32(at, true);
    if (length < MESSAGE_HEADER_BYTES || at + length > bytes.length) {
      throw new NetlinkError({ code: 'EBADMSG', detail: `message of ${length} bytes at ${at} of ${bytes.length}` });
    }
    yield {
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      portId: view.getUint32(at + 12, true),
      body: bytes.subarray(at + MESSAGE_HEADER_BYTES, at + length),
    };
    at += align4(length);
  }
}

/** What an NLMSG_ERROR message says; errno 0 is the acknowledgement of success. */
export interface Acknowledgement {
  /** Positive, or 0. */
  readonly errno: number;
  readonly detail: string | undefined;
  readonly attributeOffset: number | undefined;
  readonly missingAttribute: number | undefined;
}

/** Reads an NLMSG_ERROR, or the error code at the end of a dump (NLMSG_DONE). */
export function readAcknowledgement(message: NetlinkMessage): Acknowledgement {
  const { body, flags } = message;
  if (body.length < 4) throw new NetlinkError({ code: 'EBADMSG', detail: `acknowledgement of ${body.length} bytes` });
  const view = viewOf(body);
  const errno = Math.abs(view.getInt32(0, true));
  let at = 4;
  if (message.type === controlType.error && body.length >= 4 + MESSAGE_HEADER_BYTES) {
    const isCapped = errno === 0 || (flags & messageFlag.capped) !== 0;
    const requestBytes = isCapped ? MESSAGE_HEADER_BYTES : Math.min(view.getUint32(4, true), body.length - 4);
    at = 4 + align4(requestBytes);
  }
  const attributes = (flags & messageFlag.ackAttributes) !== 0 ? readAttributes(body, at) : undefined;
  return {
    errno,
    detail: attributes?.string(ackAttribute.message),
    attributeOffset: attributes?.u32(ackAttribute.offset),
    missingAttribute: attributes?.u32(ackAttribute.missingType),
  };
}
